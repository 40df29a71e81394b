#pragma once

#include <string>
#include <vector>

#include "schemas/activity/mark.h"
#include "schemas/activity/rejection.h"
#include "schemas/service/metrics.h"

namespace activity::ingest {

/// The front door's metrics. What is counted for every request is a reference that was looked up once; the
/// rest is looked up by its labels. Counting is thread-safe.
struct IngestMetrics {
    explicit IngestMetrics(prometheus::Registry& registry);

    prometheus::Counter& requests(int status) const;
    prometheus::Counter& accepted(const std::string& source) const;
    /// `source` is "" where it is not known yet.
    prometheus::Counter& rejected(Reason reason, const std::string& source) const;
    prometheus::Counter& marked(Mark mark, const std::string& source) const;
    /// `activity` is of a drop rule, so there are no more than rules.
    prometheus::Counter& dropped(const std::string& source, const std::string& activity) const;
    prometheus::Counter& rate_limited(const std::string& source) const;
    prometheus::Counter& produced(const std::string& topic) const;
    prometheus::Counter& delivery_error(const char* error) const;

    static const std::vector<double>& ack_latency_bounds();

    prometheus::Family<prometheus::Counter>& request_family;
    prometheus::Family<prometheus::Counter>& accepted_family;
    prometheus::Family<prometheus::Counter>& rejected_family;
    prometheus::Family<prometheus::Counter>& marked_family;
    prometheus::Family<prometheus::Counter>& dropped_family;
    prometheus::Family<prometheus::Counter>& limited_family;
    prometheus::Family<prometheus::Counter>& produced_family;
    prometheus::Family<prometheus::Counter>& delivery_error_family;
    prometheus::Counter& sdk_metrics;
    prometheus::Histogram& ack_latency;
    prometheus::Gauge& queue_messages;
    prometheus::Gauge& connections;
    prometheus::Gauge& kafka_ready;
    prometheus::Gauge& sources_valid;
    prometheus::Gauge& sources_loaded;
};

}  // namespace activity::ingest
