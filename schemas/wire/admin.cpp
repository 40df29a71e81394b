#include "schemas/wire/admin.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "schemas/wire/kafka_handle.h"

namespace activity::wire {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

template <typename T, auto destroy>
using Handle = std::unique_ptr<T, Destroy<destroy>>;

using Options = Handle<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;
using NewTopicHandle = Handle<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using DeleteTopicHandle = Handle<rd_kafka_DeleteTopic_t, rd_kafka_DeleteTopic_destroy>;
using NewPartitionsHandle = Handle<rd_kafka_NewPartitions_t, rd_kafka_NewPartitions_destroy>;
using ConfigResource = Handle<rd_kafka_ConfigResource_t, rd_kafka_ConfigResource_destroy>;
using GroupOffsetsRequest =
    Handle<rd_kafka_ListConsumerGroupOffsets_t, rd_kafka_ListConsumerGroupOffsets_destroy>;

bool passes_by_itself(rd_kafka_resp_err_t error) {
    switch (error) {
        case RD_KAFKA_RESP_ERR__TRANSPORT:
        case RD_KAFKA_RESP_ERR__TIMED_OUT:
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        case RD_KAFKA_RESP_ERR__RESOLVE:
        case RD_KAFKA_RESP_ERR__WAIT_COORD:
        case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
        case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
        case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
        case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
        case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
        case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
        case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS: return true;
        default: return false;
    }
}

bool is_looking_for_leader(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
           error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
           error == RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE ||
           error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           // A broker of several told of the topic before it knew where the topic's partitions are.
           error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

Failure failure(rd_kafka_resp_err_t error, const std::string& what) {
    return Failure(passes_by_itself(error) ? Disposition::retry : Disposition::reject, what);
}

template <typename T, typename U, auto destroy>
std::vector<T*> raw(const std::vector<Handle<U, destroy>>& handles) {
    std::vector<T*> pointers;
    pointers.reserve(handles.size());
    for (const auto& handle : handles) pointers.push_back(handle.get());
    return pointers;
}

PartitionListHandle partition_list(const std::vector<TopicPartition>& partitions, std::int64_t offset) {
    PartitionListHandle list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
    for (const auto& partition : partitions) {
        rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)->offset =
            offset;
    }
    return list;
}

TopicDescription description(const rd_kafka_metadata_topic_t& topic) {
    TopicDescription described{topic.topic, {}};
    for (int i = 0; i < topic.partition_cnt; ++i) {
        const auto& partition = topic.partitions[i];
        described.partitions.push_back({partition.id,
                                        partition.leader,
                                        {partition.replicas, partition.replicas + partition.replica_cnt},
                                        {partition.isrs, partition.isrs + partition.isr_cnt}});
    }
    std::ranges::sort(described.partitions, {}, &PartitionDescription::partition);
    return described;
}

}  // namespace

class Admin::Impl {
  public:
    Impl(const ClusterSettings& cluster, milliseconds timeout)
        : bootstrap_(cluster.bootstrap), timeout_(timeout) {
        ConfHandle conf(rd_kafka_conf_new());
        set_option(*conf, "client.id", "activity-admin");
        set_option(*conf, "reconnect.backoff.max.ms", "1000");
        set_option(*conf, "allow.auto.create.topics", "false");  // to ask for a topic must not create it
        set_cluster(*conf, cluster);
        // librdkafka writes to stderr on its own; its last words belong into the Failure instead.
        rd_kafka_conf_set_opaque(conf.get(), this);
        rd_kafka_conf_set_log_cb(conf.get(),
                                 [](const rd_kafka_t* client, int, const char* facility, const char* text) {
                                     // FAIL tells why a connection failed; what follows it is only that no
                                     // other is left.
                                     if (client != nullptr && std::string_view(facility) == "FAIL") {
                                         static_cast<Impl*>(rd_kafka_opaque(client))->heard(text);
                                     }
                                 });
        client_ = new_client(RD_KAFKA_CONSUMER, std::move(conf));
        queue_.reset(rd_kafka_queue_new(client_.get()));
    }

    rd_kafka_t* client() const { return client_.get(); }
    rd_kafka_queue_t* queue() const { return queue_.get(); }
    int timeout_ms() const { return static_cast<int>(timeout_.count()); }

    /// Waits for a first broker, so that an outage is told apart from a slow answer.
    void connect() {
        if (!connected_) (void)metadata(nullptr);
    }

    /// Of one topic, or of brokers only.
    MetadataHandle metadata(const char* topic) { return fetch_metadata(0, topic); }
    MetadataHandle metadata_of_all() { return fetch_metadata(1, nullptr); }

    Options options(rd_kafka_admin_op_t operation) {
        Options options(rd_kafka_AdminOptions_new(client(), operation));
        std::array<char, 256> error{};
        rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout_ms(), error.data(), error.size());
        // Refused where the operation has no such option; it is a hint to the broker only.
        rd_kafka_AdminOptions_set_operation_timeout(options.get(), timeout_ms(), error.data(), error.size());
        return options;
    }

    /// The answer to the one request that is under way.
    EventHandle answer(const std::string& asked) {
        EventHandle event(rd_kafka_queue_poll(queue(), timeout_ms() + 1000));
        if (!event) throw Failure(Disposition::retry, "Kafka did not " + asked + " within " + seconds());
        check(rd_kafka_event_error(event.get()), rd_kafka_event_error_string(event.get()), asked);
        return event;
    }

    void check(rd_kafka_resp_err_t error, const char* text, const std::string& asked) const {
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
        if (error == RD_KAFKA_RESP_ERR__TIMED_OUT) {
            throw Failure(Disposition::retry,
                          "Kafka did not " + asked + " within " + seconds() + last_words());
        }
        const char* reason = text != nullptr ? text : rd_kafka_err2str(error);
        throw failure(error, "Kafka could not " + asked + ": " + reason);
    }

    /// Polls until `done`, as a cluster's brokers learn of a change one after the other.
    void wait_until(const std::function<bool()>& done, const std::string& asked) {
        const auto deadline = steady_clock::now() + timeout_;
        for (milliseconds pause{2}; !done(); pause = std::min(pause * 2, milliseconds{100})) {
            if (steady_clock::now() > deadline) {
                throw Failure(Disposition::retry, "Kafka took the request to " + asked +
                                                      ", but did not finish within " + seconds());
            }
            std::this_thread::sleep_for(pause);
        }
    }

    std::map<TopicPartition, std::int64_t> offsets_for(const std::vector<TopicPartition>& partitions,
                                                       std::int64_t time) {
        std::map<TopicPartition, std::int64_t> found;
        if (partitions.empty()) return found;
        connect();
        // A leader that has just been chosen does not know it yet, and one that has just lost it still
        // answers so.
        const auto deadline = steady_clock::now() + timeout_;
        for (milliseconds pause{10}; !offsets_found(partitions, time, found, steady_clock::now() > deadline);
             pause = std::min(pause * 2, milliseconds{200})) {
            std::this_thread::sleep_for(pause);
            (void)metadata_of_all();  // the client's idea of the leaders
        }
        return found;
    }

  private:
    /// One try. False if a partition's leader is being found out, unless this is the last try.
    bool offsets_found(const std::vector<TopicPartition>& partitions, std::int64_t time,
                       std::map<TopicPartition, std::int64_t>& found, bool last_try) const {
        const auto list = partition_list(partitions, time);
        const auto error = rd_kafka_offsets_for_times(client(), list.get(), timeout_ms());
        if (!last_try && is_looking_for_leader(error)) return false;
        check(error, nullptr, "look up offsets");
        for (int i = 0; i < list->cnt; ++i) {
            const auto& element = list->elems[i];
            if (!last_try && is_looking_for_leader(element.err)) return false;
            check(element.err, nullptr,
                  "look up offsets of " + std::string(element.topic) + " [" +
                      std::to_string(element.partition) + "]");
            found[{element.topic, element.partition}] = element.offset;
        }
        return true;
    }

    MetadataHandle fetch_metadata(int all_topics, const char* topic) {
        const TopicHandle handle(topic != nullptr ? rd_kafka_topic_new(client(), topic, nullptr) : nullptr);
        const rd_kafka_metadata_t* found = nullptr;
        const auto error = rd_kafka_metadata(client(), all_topics, handle.get(), &found, timeout_ms());
        MetadataHandle metadata(found);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
            connected_ = true;
        } else if (!connected_ && passes_by_itself(error)) {
            throw Failure(Disposition::retry,
                          "no broker answers at " + bootstrap_ + " within " + seconds() + last_words());
        }
        check(error, nullptr, "describe the cluster");
        return metadata;
    }

    std::string seconds() const {
        const auto tenths = (timeout_.count() + 50) / 100;
        return std::to_string(tenths / 10) + (tenths % 10 != 0 ? "." + std::to_string(tenths % 10) : "") +
               " s";
    }

    /// `[thrd:host:port/bootstrap]: host:port/bootstrap: Connect to … failed: … (after 0ms in state CONNECT)`
    void heard(std::string_view text) {
        if (const auto end = text.find("]: "); text.starts_with("[thrd:") && end != std::string_view::npos) {
            text.remove_prefix(end + 3);
        }
        text = text.substr(0, text.find(" (after "));
        const std::lock_guard lock(mutex_);
        heard_ = text;
    }

    std::string last_words() const {
        const std::lock_guard lock(mutex_);
        return heard_.empty() ? "" : " (" + heard_ + ")";
    }

    std::string bootstrap_;
    milliseconds timeout_;
    bool connected_ = false;
    mutable std::mutex mutex_;  // guards heard_, which librdkafka's threads write
    std::string heard_;
    ClientHandle client_;
    QueueHandle queue_;  // dies before its client
};

Admin::Admin(const ClusterSettings& cluster, milliseconds timeout)
    : impl_(std::make_unique<Impl>(cluster, timeout)) {}
Admin::~Admin() = default;
Admin::Admin(Admin&&) noexcept = default;

ClusterDescription Admin::describe_cluster() {
    const auto metadata = impl_->metadata_of_all();
    ClusterDescription cluster;
    for (int i = 0; i < metadata->broker_cnt; ++i) {
        const auto& broker = metadata->brokers[i];
        cluster.brokers.push_back({broker.id, broker.host, broker.port});
    }
    for (int i = 0; i < metadata->topic_cnt; ++i) {
        const auto& topic = metadata->topics[i];
        impl_->check(
            topic.err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ? RD_KAFKA_RESP_ERR_NO_ERROR : topic.err,
            nullptr, std::string("describe ") + topic.topic);
        cluster.topics.push_back(description(topic));
    }
    std::ranges::sort(cluster.brokers, {}, &BrokerDescription::id);
    std::ranges::sort(cluster.topics, {}, &TopicDescription::name);
    return cluster;
}

std::optional<TopicDescription> Admin::describe_topic(const std::string& name) {
    const auto metadata = impl_->metadata(name.c_str());
    for (int i = 0; i < metadata->topic_cnt; ++i) {
        const auto& topic = metadata->topics[i];
        if (name != topic.topic) continue;
        if (topic.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return std::nullopt;
        if (topic.err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
            impl_->check(topic.err, nullptr, "describe " + name);
        return description(topic);
    }
    return std::nullopt;
}

namespace {

TopicConfig config_of(const rd_kafka_ConfigResource_t* resource) {
    TopicConfig config;
    std::size_t count = 0;
    const auto* entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (std::size_t i = 0; i < count; ++i) {
        const char* value = rd_kafka_ConfigEntry_value(entries[i]);
        const auto source = rd_kafka_ConfigEntry_source(entries[i]);
        config[rd_kafka_ConfigEntry_name(entries[i])] = {
            value != nullptr ? value : "", source == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG,
            source == RD_KAFKA_CONFIG_SOURCE_DEFAULT_CONFIG ||
                rd_kafka_ConfigEntry_is_default(entries[i]) != 0};
    }
    return config;
}

}  // namespace

std::map<std::string, TopicConfig> Admin::topic_configs(const std::vector<std::string>& topics) {
    std::map<std::string, TopicConfig> configs;
    if (topics.empty()) return configs;
    impl_->connect();
    std::vector<ConfigResource> resources;
    for (const auto& topic : topics)
        resources.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
    auto pointers = raw<rd_kafka_ConfigResource_t>(resources);
    const auto options = impl_->options(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(impl_->client(), pointers.data(), pointers.size(), options.get(),
                             impl_->queue());
    const auto event = impl_->answer("describe topic configurations");
    std::size_t count = 0;
    const auto* results =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event.get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::string name = rd_kafka_ConfigResource_name(results[i]);
        impl_->check(rd_kafka_ConfigResource_error(results[i]),
                     rd_kafka_ConfigResource_error_string(results[i]),
                     "describe the configuration of " + name);
        configs[name] = config_of(results[i]);
    }
    return configs;
}

std::optional<std::string> Admin::broker_config(const std::string& option) {
    const auto metadata = impl_->metadata(nullptr);
    if (metadata->broker_cnt == 0) return std::nullopt;
    const auto broker = std::to_string(metadata->brokers[0].id);
    const ConfigResource resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, broker.c_str()));
    auto* pointer = resource.get();
    const auto options = impl_->options(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(impl_->client(), &pointer, 1, options.get(), impl_->queue());
    const auto event = impl_->answer("describe the brokers' configuration");
    std::size_t count = 0;
    const auto* results =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event.get()), &count);
    if (count == 0) return std::nullopt;
    impl_->check(rd_kafka_ConfigResource_error(results[0]), rd_kafka_ConfigResource_error_string(results[0]),
                 "describe the brokers' configuration");
    const auto config = config_of(results[0]);
    const auto found = config.find(option);
    return found == config.end() ? std::nullopt : std::optional(found->second.value);
}

std::vector<std::string> Admin::create_topics(const std::vector<NewTopic>& topics) {
    std::vector<std::string> existed;
    if (topics.empty()) return existed;
    impl_->connect();
    std::vector<NewTopicHandle> requests;
    for (const auto& topic : topics) {
        std::array<char, 256> error{};
        NewTopicHandle request(rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions,
                                                     topic.replication_factor, error.data(), error.size()));
        if (!request) throw Failure(Disposition::reject, "topic " + topic.name + ": " + error.data());
        for (const auto& [name, value] : topic.config) {
            rd_kafka_NewTopic_set_config(request.get(), name.c_str(), value.c_str());
        }
        requests.push_back(std::move(request));
    }
    auto pointers = raw<rd_kafka_NewTopic_t>(requests);
    const auto options = impl_->options(RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(impl_->client(), pointers.data(), pointers.size(), options.get(), impl_->queue());
    const auto event = impl_->answer("create topics");
    std::size_t count = 0;
    const auto* results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::string name = rd_kafka_topic_result_name(results[i]);
        const auto error = rd_kafka_topic_result_error(results[i]);
        if (error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            existed.push_back(name);
        } else {
            impl_->check(error, rd_kafka_topic_result_error_string(results[i]), "create " + name);
        }
    }
    std::map<std::string, std::size_t> waiting;
    for (const auto& topic : topics) {
        if (!std::ranges::count(existed, topic.name))
            waiting[topic.name] = static_cast<std::size_t>(std::max(topic.partitions, 1));
    }
    impl_->wait_until(
        [&] {
            for (const auto& topic : describe_cluster().topics) {
                const auto wanted = waiting.find(topic.name);
                if (wanted != waiting.end() && topic.partitions.size() >= wanted->second &&
                    std::ranges::all_of(topic.partitions,
                                        [](const auto& partition) { return partition.leader >= 0; })) {
                    waiting.erase(wanted);
                }
            }
            return waiting.empty();
        },
        "create topics");
    // A leader that the cluster names may not know of it yet, and would refuse the first record.
    std::vector<TopicPartition> created;
    for (const auto& topic : topics) {
        if (std::ranges::count(existed, topic.name)) continue;
        for (int partition = 0; partition < topic.partitions; ++partition)
            created.push_back({topic.name, partition});
    }
    impl_->wait_until(
        [&] {
            try {
                (void)watermarks(created);
                return true;
            } catch (const Failure& failure) {
                if (failure.disposition() != Disposition::retry) throw;
                return false;
            }
        },
        "create topics");
    return existed;
}

void Admin::delete_topics(const std::vector<std::string>& topics) {
    if (topics.empty()) return;
    impl_->connect();
    std::vector<DeleteTopicHandle> requests;
    for (const auto& topic : topics) requests.emplace_back(rd_kafka_DeleteTopic_new(topic.c_str()));
    auto pointers = raw<rd_kafka_DeleteTopic_t>(requests);
    const auto options = impl_->options(RD_KAFKA_ADMIN_OP_DELETETOPICS);
    rd_kafka_DeleteTopics(impl_->client(), pointers.data(), pointers.size(), options.get(), impl_->queue());
    const auto event = impl_->answer("delete topics");
    std::size_t count = 0;
    const auto* results =
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        impl_->check(rd_kafka_topic_result_error(results[i]), rd_kafka_topic_result_error_string(results[i]),
                     std::string("delete ") + rd_kafka_topic_result_name(results[i]));
    }
    impl_->wait_until(
        [&] {
            const auto cluster = describe_cluster();
            return std::ranges::none_of(cluster.topics, [&](const auto& topic) {
                return std::ranges::count(topics, topic.name) != 0;
            });
        },
        "delete topics");
}

void Admin::grow_topic(const std::string& topic, int partitions) {
    impl_->connect();
    std::array<char, 256> error{};
    const NewPartitionsHandle request(rd_kafka_NewPartitions_new(
        topic.c_str(), static_cast<std::size_t>(partitions), error.data(), error.size()));
    if (!request) throw Failure(Disposition::reject, "topic " + topic + ": " + error.data());
    auto* pointer = request.get();
    const auto options = impl_->options(RD_KAFKA_ADMIN_OP_CREATEPARTITIONS);
    rd_kafka_CreatePartitions(impl_->client(), &pointer, 1, options.get(), impl_->queue());
    const auto event = impl_->answer("add partitions to " + topic);
    std::size_t count = 0;
    const auto* results =
        rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event.get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        impl_->check(rd_kafka_topic_result_error(results[i]), rd_kafka_topic_result_error_string(results[i]),
                     "add partitions to " + topic);
    }
    impl_->wait_until(
        [&] {
            const auto described = describe_topic(topic);
            return described && described->partitions.size() >= static_cast<std::size_t>(partitions) &&
                   std::ranges::all_of(described->partitions,
                                       [](const auto& partition) { return partition.leader >= 0; });
        },
        "add partitions to " + topic);
    std::vector<TopicPartition> all;
    for (int partition = 0; partition < partitions; ++partition) all.push_back({topic, partition});
    (void)watermarks(all);
}

void Admin::alter_config(const std::string& topic, const std::map<std::string, std::string>& options) {
    std::map<std::string, std::string> all = options;
    const auto configs = topic_configs({topic});
    for (const auto& [name, current] : configs.at(topic)) {
        if (current.of_topic) all.try_emplace(name, current.value);
    }
    const ConfigResource resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
    for (const auto& [name, value] : all)
        rd_kafka_ConfigResource_set_config(resource.get(), name.c_str(), value.c_str());
    auto* pointer = resource.get();
    const auto admin_options = impl_->options(RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
    rd_kafka_AlterConfigs(impl_->client(), &pointer, 1, admin_options.get(), impl_->queue());
    const auto asked = "alter the configuration of " + topic;
    const auto event = impl_->answer(asked);
    std::size_t count = 0;
    const auto* results =
        rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event.get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        impl_->check(rd_kafka_ConfigResource_error(results[i]),
                     rd_kafka_ConfigResource_error_string(results[i]), asked);
    }
}

std::map<TopicPartition, Watermarks> Admin::watermarks(const std::vector<TopicPartition>& partitions) {
    // The protocol's ListOffsets takes "oldest" and "next" as special times, and one request asks a broker
    // for all its partitions; rd_kafka_query_watermark_offsets() would take two round trips for each.
    std::map<TopicPartition, Watermarks> found;
    for (const auto& [partition, offset] : impl_->offsets_for(partitions, RD_KAFKA_OFFSET_BEGINNING)) {
        found[partition].oldest = offset;
    }
    for (const auto& [partition, offset] : impl_->offsets_for(partitions, RD_KAFKA_OFFSET_END)) {
        found[partition].next = offset;
    }
    return found;
}

std::map<TopicPartition, std::int64_t> Admin::offsets_at(const std::vector<TopicPartition>& partitions,
                                                         Timestamp time) {
    // Rounded up: a record of the same millisecond but before `time` does not belong to the answer.
    const auto ms = std::chrono::ceil<milliseconds>(time).time_since_epoch().count();
    auto found = impl_->offsets_for(partitions, std::max<std::int64_t>(ms, 0));
    std::vector<TopicPartition> after_last;
    for (const auto& [partition, offset] : found) {
        if (offset < 0) after_last.push_back(partition);
    }
    for (const auto& [partition, offset] : impl_->offsets_for(after_last, RD_KAFKA_OFFSET_END))
        found[partition] = offset;
    return found;
}

std::vector<std::string> Admin::list_groups() {
    impl_->connect();
    const auto options = impl_->options(RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS);
    rd_kafka_ListConsumerGroups(impl_->client(), options.get(), impl_->queue());
    const auto event = impl_->answer("list groups");
    const auto* result = rd_kafka_event_ListConsumerGroups_result(event.get());
    std::size_t count = 0;
    const auto* errors = rd_kafka_ListConsumerGroups_result_errors(result, &count);
    if (count > 0)
        impl_->check(rd_kafka_error_code(errors[0]), rd_kafka_error_string(errors[0]), "list groups");
    const auto* listings = rd_kafka_ListConsumerGroups_result_valid(result, &count);
    std::vector<std::string> groups;
    for (std::size_t i = 0; i < count; ++i)
        groups.emplace_back(rd_kafka_ConsumerGroupListing_group_id(listings[i]));
    std::ranges::sort(groups);
    return groups;
}

std::vector<GroupDescription> Admin::describe_groups(const std::vector<std::string>& groups) {
    std::vector<GroupDescription> described;
    if (groups.empty()) return described;
    impl_->connect();
    std::vector<const char*> names;
    for (const auto& group : groups) names.push_back(group.c_str());
    const auto options = impl_->options(RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    rd_kafka_DescribeConsumerGroups(impl_->client(), names.data(), names.size(), options.get(),
                                    impl_->queue());
    const auto event = impl_->answer("describe groups");
    std::size_t count = 0;
    const auto* results = rd_kafka_DescribeConsumerGroups_result_groups(
        rd_kafka_event_DescribeConsumerGroups_result(event.get()), &count);
    const auto text = [](const char* value) { return std::string(value != nullptr ? value : ""); };
    for (std::size_t i = 0; i < count; ++i) {
        GroupDescription group;
        group.group = rd_kafka_ConsumerGroupDescription_group_id(results[i]);
        if (const auto* error = rd_kafka_ConsumerGroupDescription_error(results[i])) {
            impl_->check(rd_kafka_error_code(error), rd_kafka_error_string(error),
                         "describe the group " + group.group);
        }
        group.state = rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(results[i]));
        group.assignor = text(rd_kafka_ConsumerGroupDescription_partition_assignor(results[i]));
        const auto members = rd_kafka_ConsumerGroupDescription_member_count(results[i]);
        for (std::size_t m = 0; m < members; ++m) {
            const auto* member = rd_kafka_ConsumerGroupDescription_member(results[i], m);
            GroupMember known{text(rd_kafka_MemberDescription_consumer_id(member)),
                              text(rd_kafka_MemberDescription_client_id(member)),
                              text(rd_kafka_MemberDescription_group_instance_id(member)),
                              text(rd_kafka_MemberDescription_host(member)),
                              {}};
            const auto* assignment = rd_kafka_MemberDescription_assignment(member);
            const auto* list =
                assignment != nullptr ? rd_kafka_MemberAssignment_partitions(assignment) : nullptr;
            for (int p = 0; list != nullptr && p < list->cnt; ++p) {
                known.partitions.push_back({list->elems[p].topic, list->elems[p].partition});
            }
            std::ranges::sort(known.partitions);
            group.members.push_back(std::move(known));
        }
        described.push_back(std::move(group));
    }
    return described;
}

std::map<TopicPartition, std::int64_t> Admin::group_offsets(const std::string& group) {
    impl_->connect();
    const GroupOffsetsRequest request(rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), nullptr));
    auto* pointer = request.get();
    const auto options = impl_->options(RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_ListConsumerGroupOffsets(impl_->client(), &pointer, 1, options.get(), impl_->queue());
    const auto asked = "list the offsets of the group " + group;
    const auto event = impl_->answer(asked);
    std::size_t count = 0;
    const auto* results = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event.get()), &count);
    std::map<TopicPartition, std::int64_t> offsets;
    for (std::size_t i = 0; i < count; ++i) {
        if (const auto* error = rd_kafka_group_result_error(results[i])) {
            impl_->check(rd_kafka_error_code(error), rd_kafka_error_string(error), asked);
        }
        const auto* list = rd_kafka_group_result_partitions(results[i]);
        for (int p = 0; list != nullptr && p < list->cnt; ++p) {
            const auto& element = list->elems[p];
            impl_->check(element.err, nullptr, asked);
            if (element.offset >= 0) offsets[{element.topic, element.partition}] = element.offset;
        }
    }
    return offsets;
}

}  // namespace activity::wire
