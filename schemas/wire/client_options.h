#pragma once

#include <map>
#include <string>
#include <string_view>

namespace activity::wire {

/// librdkafka's options by name (its CONFIGURATION.md). What a client of ours needs is set by Producer and
/// Consumer; this map comes on top of it, for an operator's rare cases (SASL, TLS, tuning).
using ClientOptions = std::map<std::string, std::string>;

/// How to reach the cluster.
struct ClusterSettings {
    std::string bootstrap;  ///< host:port[,host:port]
    ClientOptions options;
};

/// Reads `name=value;name=value`. Throws std::invalid_argument that names the bad part.
ClientOptions parse_client_options(std::string_view text);

}  // namespace activity::wire
