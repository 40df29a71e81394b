#include "ingest/metrics.h"

namespace activity::ingest {
namespace {

template <typename Family>
auto& family(prometheus::Registry& registry, Family build, const char* name, const char* help) {
    return build().Name(name).Help(help).Register(registry);
}

}  // namespace

IngestMetrics::IngestMetrics(prometheus::Registry& registry, const Sources& sources)
    : request_family(family(registry, prometheus::BuildCounter, metric::ingest_requests,
                            "Requests answered, by HTTP status")),
      produced_family(family(registry, prometheus::BuildCounter, metric::ingest_records_produced,
                             "Records handed to Kafka, by topic")),
      delivery_error_family(family(registry, prometheus::BuildCounter, metric::ingest_delivery_errors,
                                   "Records that Kafka did not confirm, by error")),
      ack_latency(family(registry, prometheus::BuildHistogram, metric::ingest_ack_latency,
                         "Time from a request being complete to its answer after Kafka's confirmation")
                      .Add({}, ack_latency_bounds())),
      queue_messages(family(registry, prometheus::BuildGauge, metric::ingest_queue_messages,
                            "Records taken that Kafka has not confirmed yet")
                         .Add({})),
      connections(
          family(registry, prometheus::BuildGauge, metric::ingest_connections, "Open client connections")
              .Add({})),
      kafka_ready(family(registry, prometheus::BuildGauge, metric::ingest_kafka_ready,
                         "1 while the producer has a broker and its producer ID")
                      .Add({})) {
    auto& accepted_family = family(registry, prometheus::BuildCounter, metric::ingest_events_accepted,
                                   "Events that every in-sync replica has, by source");
    for (const Source& source : sources.all()) {
        accepted_by_source.emplace(&source, &accepted_family.Add({{"source", source.name}}));
    }
    auto& rejected_family = family(registry, prometheus::BuildCounter, metric::ingest_events_rejected,
                                   "Events and bodies refused, by reason");
    for (std::size_t i = 0; i < reason_count; ++i) {
        rejected_by_reason[i] =
            &rejected_family.Add({{"reason", std::string(to_string(static_cast<Reason>(i)))}});
    }
}

prometheus::Counter& IngestMetrics::requests(int status) const {
    return request_family.Add({{"status", std::to_string(status)}});
}

prometheus::Counter& IngestMetrics::produced(const std::string& topic) const {
    return produced_family.Add({{"topic", topic}});
}

prometheus::Counter& IngestMetrics::delivery_error(const char* error) const {
    return delivery_error_family.Add({{"error", error}});
}

const std::vector<double>& IngestMetrics::ack_latency_bounds() {
    static const std::vector<double> bounds{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
                                            0.2,   0.5,   1,     2,    5,    10};
    return bounds;
}

}  // namespace activity::ingest
