#pragma once

#include "schemas/wire/kafka_handle.h"

namespace activity::wire {

/// Sends the library's own lines to the service's log: about its connections and its state, never about a
/// record.
void log_client_lines(rd_kafka_conf_t& conf);

}  // namespace activity::wire
