#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <string>

namespace activity::receipts {

namespace metric {
inline constexpr const char* requests = "activity_receipts_requests_total";  // code: HTTP status
inline constexpr const char* receipts = "activity_receipts_found_total";     // status
inline constexpr const char* records_searched = "activity_receipts_records_searched_total";
inline constexpr const char* request_seconds = "activity_receipts_request_seconds";
}  // namespace metric

/// What is counted. Any thread.
class Metrics {
  public:
    explicit Metrics(prometheus::Registry& registry)
        : request_seconds(
              prometheus::BuildHistogram()
                  .Name(metric::request_seconds)
                  .Help("Duration of a request")
                  .Register(registry)
                  .Add({}, prometheus::Histogram::BucketBoundaries{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                                   0.1, 0.25, 0.5, 1, 2.5, 5})),
          records_searched(prometheus::BuildCounter()
                               .Name(metric::records_searched)
                               .Help("Records of Kafka that were looked through")
                               .Register(registry)
                               .Add({})),
          requests_(prometheus::BuildCounter()
                        .Name(metric::requests)
                        .Help("Requests that were answered")
                        .Register(registry)),
          receipts_(prometheus::BuildCounter()
                        .Name(metric::receipts)
                        .Help("Messages that were asked for, by what became of them")
                        .Register(registry)) {}

    prometheus::Histogram& request_seconds;
    prometheus::Counter& records_searched;

    prometheus::Counter& requests(int code) { return requests_.Add({{"code", std::to_string(code)}}); }
    prometheus::Counter& receipts(std::string_view status) {
        return receipts_.Add({{"status", std::string(status)}});
    }

  private:
    prometheus::Family<prometheus::Counter>& requests_;
    prometheus::Family<prometheus::Counter>& receipts_;
};

}  // namespace activity::receipts
