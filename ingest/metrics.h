#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ingest/sources/sources.h"
#include "schemas/activity/rejection.h"
#include "schemas/service/metrics.h"

namespace activity::ingest {

/// The front door's metrics as references, looked up once. Counting is thread-safe.
struct IngestMetrics {
    IngestMetrics(prometheus::Registry& registry, const Sources& sources);

    prometheus::Counter& requests(int status) const;
    prometheus::Counter& accepted(const Source& source) const { return *accepted_by_source.at(&source); }
    prometheus::Counter& rejected(Reason reason) const {
        return *rejected_by_reason[static_cast<std::size_t>(reason)];
    }
    prometheus::Counter& produced(const std::string& topic) const;
    prometheus::Counter& delivery_error(const char* error) const;

    static const std::vector<double>& ack_latency_bounds();

    prometheus::Family<prometheus::Counter>& request_family;
    std::map<const Source*, prometheus::Counter*> accepted_by_source;
    std::array<prometheus::Counter*, reason_count> rejected_by_reason{};
    prometheus::Family<prometheus::Counter>& produced_family;
    prometheus::Family<prometheus::Counter>& delivery_error_family;
    prometheus::Histogram& ack_latency;
    prometheus::Gauge& queue_messages;
    prometheus::Gauge& connections;
    prometheus::Gauge& kafka_ready;
};

}  // namespace activity::ingest
