#include "ingest/metrics.h"

namespace activity::ingest {
namespace {

template <typename Family>
auto& family(prometheus::Registry& registry, Family build, const char* name, const char* help) {
    return build().Name(name).Help(help).Register(registry);
}

}  // namespace

IngestMetrics::IngestMetrics(prometheus::Registry& registry)
    : request_family(family(registry, prometheus::BuildCounter, metric::ingest_requests,
                            "Requests answered, by HTTP status")),
      accepted_family(family(registry, prometheus::BuildCounter, metric::ingest_events_accepted,
                             "Events that every in-sync replica has, by source")),
      rejected_family(family(registry, prometheus::BuildCounter, metric::ingest_events_rejected,
                             "Events and bodies refused, by reason and source")),
      marked_family(family(registry, prometheus::BuildCounter, metric::ingest_events_marked,
                           "Events accepted with a mark, by mark and source")),
      dropped_family(family(registry, prometheus::BuildCounter, metric::ingest_events_dropped,
                            "Events that a source's drop rule took")),
      limited_family(family(registry, prometheus::BuildCounter, metric::ingest_requests_limited,
                            "Requests answered 429, by source")),
      produced_family(family(registry, prometheus::BuildCounter, metric::ingest_records_produced,
                             "Records handed to Kafka, by topic")),
      delivery_error_family(family(registry, prometheus::BuildCounter, metric::ingest_delivery_errors,
                                   "Records that Kafka did not confirm, by error")),
      sdk_metrics(family(registry, prometheus::BuildCounter, metric::ingest_sdk_metrics,
                         "Reports of SDKs about themselves, taken and not kept")
                      .Add({})),
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
                      .Add({})),
      sources_valid(family(registry, prometheus::BuildGauge, metric::ingest_sources_valid,
                           "0 while the sources' file is broken and an older state of it is in force")
                        .Add({})),
      sources_loaded(family(registry, prometheus::BuildGauge, metric::ingest_sources_loaded,
                            "When the sources were taken over last")
                         .Add({})) {}

prometheus::Counter& IngestMetrics::requests(int status) const {
    return request_family.Add({{"status", std::to_string(status)}});
}

prometheus::Counter& IngestMetrics::accepted(const std::string& source) const {
    return accepted_family.Add({{"source", source}});
}

prometheus::Counter& IngestMetrics::rejected(Reason reason, const std::string& source) const {
    return rejected_family.Add({{"reason", std::string(to_string(reason))}, {"source", source}});
}

prometheus::Counter& IngestMetrics::marked(Mark mark, const std::string& source) const {
    return marked_family.Add({{"mark", std::string(to_string(mark))}, {"source", source}});
}

prometheus::Counter& IngestMetrics::dropped(const std::string& source, const std::string& activity) const {
    return dropped_family.Add({{"activity", activity}, {"source", source}});
}

prometheus::Counter& IngestMetrics::rate_limited(const std::string& source) const {
    return limited_family.Add({{"source", source}});
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
