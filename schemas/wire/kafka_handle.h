#pragma once

#include <librdkafka/rdkafka.h>
#include <array>
#include <memory>
#include <string>

#include "schemas/wire/client_options.h"
#include "schemas/wire/failure.h"

/// librdkafka's handles as values that own them. Only schemas/wire includes this: nobody else sees
/// librdkafka.
namespace activity::wire {

/// Calls the library's own function; has no state, so a handle is as large as a pointer.
template <auto destroy>
struct Destroy {
    template <typename Handle>
    void operator()(Handle* handle) const noexcept {
        destroy(handle);
    }
};

using ClientHandle = std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>>;
using ConfHandle = std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>>;
using TopicHandle = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;
using PartitionListHandle =
    std::unique_ptr<rd_kafka_topic_partition_list_t, Destroy<rd_kafka_topic_partition_list_destroy>>;
/// A queue must die before its client: declare it after.
using QueueHandle = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using EventHandle = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;
using HeadersHandle = std::unique_ptr<rd_kafka_headers_t, Destroy<rd_kafka_headers_destroy>>;
using MessageHandle = std::unique_ptr<rd_kafka_message_t, Destroy<rd_kafka_message_destroy>>;
using ErrorHandle = std::unique_ptr<rd_kafka_error_t, Destroy<rd_kafka_error_destroy>>;
using MetadataHandle = std::unique_ptr<const struct rd_kafka_metadata, Destroy<rd_kafka_metadata_destroy>>;

inline constexpr std::size_t error_text_bytes = 512;

/// Throws Failure (fatal) that names the option.
inline void set_option(rd_kafka_conf_t& conf, const std::string& name, const std::string& value) {
    std::array<char, error_text_bytes> text{};
    if (rd_kafka_conf_set(&conf, name.c_str(), value.c_str(), text.data(), text.size()) != RD_KAFKA_CONF_OK) {
        throw Failure(Disposition::fatal, "Kafka client option " + name + ": " + text.data());
    }
}

/// Where the cluster is, and the operator's own options. Call it last: they win over ours.
inline void set_cluster(rd_kafka_conf_t& conf, const ClusterSettings& cluster) {
    set_option(conf, "bootstrap.servers", cluster.bootstrap);
    for (const auto& [name, value] : cluster.options) set_option(conf, name, value);
}

/// Starts a client. It owns `conf` from then on, and only then. Throws Failure (fatal).
inline ClientHandle new_client(rd_kafka_type_t type, ConfHandle conf) {
    std::array<char, error_text_bytes> text{};
    rd_kafka_t* const client = rd_kafka_new(type, conf.get(), text.data(), text.size());
    if (client == nullptr) throw Failure(Disposition::fatal, std::string("Kafka client: ") + text.data());
    static_cast<void>(conf.release());
    return ClientHandle(client);
}

}  // namespace activity::wire
