#include "deploy/stack/harness/kafka_view.h"

#include <algorithm>
#include <stdexcept>

#include "deploy/stack/harness/wait.h"
#include "schemas/wire/kafka_handle.h"

namespace activity::harness {
namespace {

constexpr int timeout_ms = 10'000;

void check(rd_kafka_resp_err_t error, const std::string& what) {
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(what + ": " + rd_kafka_err2str(error));
}

wire::ClientHandle client(rd_kafka_type_t type, const std::string& bootstrap,
                          const wire::ClientOptions& options) {
    wire::ConfHandle conf(rd_kafka_conf_new());
    wire::set_option(*conf, "bootstrap.servers", bootstrap);
    // The tests stop brokers on purpose: what librdkafka has to say about that is noise.
    wire::set_option(*conf, "log_level", "0");
    rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR);
    for (const auto& [name, value] : options) wire::set_option(*conf, name, value);
    return wire::new_client(type, std::move(conf));
}

wire::ClientHandle consumer(const std::string& bootstrap, const std::string& group) {
    auto handle =
        client(RD_KAFKA_CONSUMER, bootstrap,
               {{"group.id", group}, {"enable.auto.commit", "false"}, {"enable.partition.eof", "false"}});
    rd_kafka_poll_set_consumer(handle.get());
    return handle;
}

std::optional<std::string> text(const void* bytes, std::size_t length) {
    if (bytes == nullptr) return std::nullopt;
    return std::string(static_cast<const char*>(bytes), length);
}

KafkaRecord record_of(const rd_kafka_message_t& message) {
    KafkaRecord record;
    record.at = {rd_kafka_topic_name(message.rkt), message.partition};
    record.offset = message.offset;
    record.key = text(message.key, message.key_len);
    record.value = text(message.payload, message.len);
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char* name = nullptr;
        const void* value = nullptr;
        std::size_t length = 0;
        for (std::size_t i = 0;
             rd_kafka_header_get_all(headers, i, &name, &value, &length) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i)
            record.headers.emplace_back(name, text(value, length).value_or(""));
    }
    return record;
}

}  // namespace

bool kafka_answers(const std::string& bootstrap) {
    const auto handle = client(RD_KAFKA_PRODUCER, bootstrap, {{"reconnect.backoff.max.ms", "200"}});
    const struct rd_kafka_metadata* metadata = nullptr;
    if (rd_kafka_metadata(handle.get(), 1, nullptr, &metadata, 2'000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    const wire::MetadataHandle owned(metadata);
    return metadata->broker_cnt > 0;
}

std::string KafkaRecord::header(const std::string& name) const {
    for (const auto& [key_text, value_text] : headers)
        if (key_text == name) return value_text;
    return "";
}

class KafkaView::Impl {
  public:
    explicit Impl(std::string address)
        : bootstrap(std::move(address)),
          consumer_(consumer(bootstrap, "test-eyes")),
          producer_(client(RD_KAFKA_PRODUCER, bootstrap,
                           {{"partitioner", "murmur2_random"}, {"acks", "all"}, {"linger.ms", "0"}})) {}

    ~Impl() { rd_kafka_consumer_close(consumer_.get()); }

    rd_kafka_t* reading() { return consumer_.get(); }
    rd_kafka_t* writing() { return producer_.get(); }

    wire::MetadataHandle metadata() {
        const struct rd_kafka_metadata* result = nullptr;
        check(rd_kafka_metadata(reading(), 1, nullptr, &result, timeout_ms), "metadata");
        return wire::MetadataHandle(result);
    }

    std::vector<KafkaPartition> partitions(const std::vector<std::string>& topics) {
        std::vector<KafkaPartition> result;
        const auto all = metadata();
        for (int i = 0; i < all->topic_cnt; ++i) {
            const rd_kafka_metadata_topic& topic = all->topics[i];
            if (std::find(topics.begin(), topics.end(), topic.topic) == topics.end()) continue;
            for (int p = 0; p < topic.partition_cnt; ++p)
                result.push_back({topic.topic, topic.partitions[p].id});
        }
        return result;
    }

    const std::string bootstrap;

  private:
    wire::ClientHandle consumer_;
    wire::ClientHandle producer_;
};

KafkaView::KafkaView(const std::string& bootstrap) : impl_(std::make_unique<Impl>(bootstrap)) {}
KafkaView::~KafkaView() = default;

std::vector<std::string> KafkaView::topics(const std::string& prefix) {
    std::vector<std::string> result;
    const auto all = impl_->metadata();
    for (int i = 0; i < all->topic_cnt; ++i)
        if (std::string(all->topics[i].topic).starts_with(prefix)) result.emplace_back(all->topics[i].topic);
    return result;
}

bool KafkaView::in_sync(const std::vector<std::string>& topics) {
    const auto all = impl_->metadata();
    std::size_t found = 0;
    for (int i = 0; i < all->topic_cnt; ++i) {
        const auto& topic = all->topics[i];
        if (std::ranges::count(topics, topic.topic) == 0) continue;
        ++found;
        for (int p = 0; p < topic.partition_cnt; ++p)
            if (topic.partitions[p].isr_cnt != topic.partitions[p].replica_cnt) return false;
    }
    return found == topics.size();
}

std::map<KafkaPartition, std::int64_t> KafkaView::ends(const std::vector<std::string>& topics) {
    std::map<KafkaPartition, std::int64_t> result;
    for (const KafkaPartition& partition : impl_->partitions(topics)) {
        std::int64_t low = 0, high = 0;
        check(rd_kafka_query_watermark_offsets(impl_->reading(), partition.topic.c_str(), partition.partition,
                                               &low, &high, timeout_ms),
              "watermarks of " + partition.topic);
        result[partition] = high;
    }
    return result;
}

std::int64_t KafkaView::written(const std::vector<std::string>& topics) {
    std::int64_t sum = 0;
    for (const auto& [partition, end] : ends(topics)) sum += end;
    return sum;
}

std::vector<KafkaRecord> KafkaView::read(const std::string& topic) {
    auto missing = ends({topic});
    std::erase_if(missing, [](const auto& entry) { return entry.second == 0; });
    const wire::PartitionListHandle list(rd_kafka_topic_partition_list_new(static_cast<int>(missing.size())));
    for (const auto& [partition, end] : missing)
        rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    check(rd_kafka_assign(impl_->reading(), list.get()), "assign");
    std::vector<KafkaRecord> records;
    wait_until("everything in " + topic + " is read", [&] {
        while (!missing.empty()) {
            const wire::MessageHandle message(rd_kafka_consumer_poll(impl_->reading(), 100));
            if (!message) return false;
            if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
            records.push_back(record_of(*message));
            const auto waiting = missing.find(records.back().at);
            if (waiting != missing.end() && records.back().offset + 1 >= waiting->second)
                missing.erase(waiting);
        }
        return true;
    });
    rd_kafka_assign(impl_->reading(), nullptr);
    return records;
}

std::map<KafkaPartition, std::int64_t> KafkaView::committed(const std::string& group,
                                                            const std::vector<std::string>& topics) {
    const auto handle = consumer(impl_->bootstrap, group);
    const wire::PartitionListHandle list(rd_kafka_topic_partition_list_new(64));
    for (const KafkaPartition& partition : impl_->partitions(topics))
        rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition);
    check(rd_kafka_committed(handle.get(), list.get(), timeout_ms), "committed offsets of " + group);
    std::map<KafkaPartition, std::int64_t> result;
    for (int i = 0; i < list->cnt; ++i)
        if (list->elems[i].offset >= 0)
            result[{list->elems[i].topic, list->elems[i].partition}] = list->elems[i].offset;
    return result;
}

std::size_t KafkaView::members(const std::string& group) {
    const rd_kafka_group_list* groups = nullptr;
    check(rd_kafka_list_groups(impl_->reading(), group.c_str(), &groups, timeout_ms), "members of " + group);
    std::size_t count = 0;
    for (int i = 0; i < groups->group_cnt; ++i)
        count += static_cast<std::size_t>(groups->groups[i].member_cnt);
    rd_kafka_group_list_destroy(groups);
    return count;
}

void KafkaView::delete_before(const KafkaPartition& partition, std::int64_t offset) {
    const wire::PartitionListHandle list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)->offset =
        offset;
    rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(list.get());
    const wire::QueueHandle queue(rd_kafka_queue_new(impl_->writing()));
    rd_kafka_DeleteRecords(impl_->writing(), &request, 1, nullptr, queue.get());
    const wire::EventHandle event(rd_kafka_queue_poll(queue.get(), timeout_ms));
    rd_kafka_DeleteRecords_destroy(request);
    if (!event) throw std::runtime_error("records of " + partition.topic + " were not deleted");
    check(rd_kafka_event_error(event.get()), "delete records of " + partition.topic);
    const auto* deleted =
        rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event.get()));
    for (int i = 0; i < deleted->cnt; ++i)
        check(deleted->elems[i].err, "delete records of " + partition.topic);
}

KafkaRecord KafkaView::write(KafkaRecord record) {
    wire::HeadersHandle headers(rd_kafka_headers_new(record.headers.size()));
    for (const auto& [name, value] : record.headers)
        rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                            static_cast<ssize_t>(value.size()));
    struct Delivered {
        bool done = false;
        std::int64_t offset = -1;
        std::int32_t partition = -1;
        rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    } delivered;
    const auto bytes = [](const std::optional<std::string>& text) -> void* {
        return text ? const_cast<char*>(text->data()) : nullptr;
    };
    const auto length = [](const std::optional<std::string>& text) { return text ? text->size() : 0; };
    check(
        rd_kafka_producev(impl_->writing(), RD_KAFKA_V_TOPIC(record.at.topic.c_str()),
                          RD_KAFKA_V_PARTITION(record.at.partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_KEY(bytes(record.key), length(record.key)),
                          RD_KAFKA_V_VALUE(bytes(record.value), length(record.value)),
                          RD_KAFKA_V_HEADERS(headers.get()), RD_KAFKA_V_OPAQUE(&delivered), RD_KAFKA_V_END),
        "produce to " + record.at.topic);
    static_cast<void>(headers.release());
    const wire::QueueHandle reports(rd_kafka_queue_get_main(impl_->writing()));
    wait_until("Kafka has a record of " + record.at.topic, [&] {
        const wire::EventHandle event(rd_kafka_queue_poll(reports.get(), 1'000));
        if (!event || rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) return delivered.done;
        while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get())) {
            auto& report = *static_cast<Delivered*>(message->_private);
            report = {true, message->offset, message->partition, message->err};
        }
        return delivered.done;
    });
    check(delivered.error, "produce to " + record.at.topic);
    record.at.partition = delivered.partition;
    record.offset = delivered.offset;
    return record;
}

}  // namespace activity::harness
