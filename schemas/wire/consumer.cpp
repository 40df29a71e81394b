#include "schemas/wire/consumer.h"

#include <algorithm>
#include <deque>

#include "schemas/service/log.h"
#include "schemas/wire/client_log.h"
#include "schemas/wire/kafka_handle.h"

namespace activity::wire {
namespace {

using std::chrono::milliseconds;

std::string_view bytes(const void* data, std::size_t size) {
    return data == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(data), size);
}

std::vector<TopicPartition> partitions_of(const rd_kafka_topic_partition_list_t& list) {
    std::vector<TopicPartition> partitions;
    partitions.reserve(static_cast<std::size_t>(list.cnt));
    for (int i = 0; i < list.cnt; ++i) partitions.push_back({list.elems[i].topic, list.elems[i].partition});
    return partitions;
}

PartitionListHandle list_of(const std::vector<TopicPartition>& partitions) {
    PartitionListHandle list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
    for (const auto& [topic, partition] : partitions) {
        rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
    }
    return list;
}

PartitionListHandle list_of(const std::vector<PartitionOffset>& offsets) {
    PartitionListHandle list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
    for (const auto& [partition, offset] : offsets) {
        rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)->offset =
            offset;
    }
    return list;
}

void require(rd_kafka_resp_err_t error, const char* doing) {
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    throw Failure(error == RD_KAFKA_RESP_ERR__FATAL ? Disposition::fatal : Disposition::retry,
                  std::string(doing) + ": " + rd_kafka_err2str(error));
}

void require(rd_kafka_error_t* raw_error, const char* doing) {
    const ErrorHandle error(raw_error);
    if (!error) return;
    throw Failure(rd_kafka_error_is_fatal(error.get()) != 0 ? Disposition::fatal : Disposition::retry,
                  std::string(doing) + ": " + rd_kafka_error_string(error.get()));
}

/// librdkafka 2.0.2 stops fetching while its queue is full, and then looks at the queue only once a second,
/// however soon that is empty: with a queue for half a second every second half is lost. (rdkafka_broker.c,
/// rd_kafka_max_block_ms; github.com/confluentinc/librdkafka issue 2879. Since 2.2 fetch.queue.backoff.ms
/// says how often.) What makes a broker's thread look at once is any message to it; of the public calls, new
/// credentials are the only one that sends nothing but that. They are the old ones, and where a cluster wants
/// none, nobody reads them.
class FetchWaker {
  public:
    FetchWaker(rd_kafka_t* client, const ClientOptions& options)
        : client_(client),
          username_(value_of(options, "sasl.username")),
          password_(value_of(options, "sasl.password")) {}

    /// As records leave the queue.
    void note_taken(std::size_t record_bytes) {
        bytes_ += record_bytes;
        if (++records_ < records_between && bytes_ < bytes_between) return;
        records_ = 0;
        bytes_ = 0;
        const ErrorHandle error(rd_kafka_sasl_set_credentials(client_, username_.c_str(), password_.c_str()));
    }

  private:
    /// Small parts of what the queue holds (queued.min.messages, queued.max.messages.kbytes).
    static constexpr std::size_t records_between = 500;
    static constexpr std::size_t bytes_between = 1'048'576;

    static std::string value_of(const ClientOptions& options, const char* name) {
        const auto option = options.find(name);
        return option == options.end() ? std::string() : option->second;
    }

    rd_kafka_t* client_;
    std::string username_;
    std::string password_;
    std::size_t records_ = 0;
    std::size_t bytes_ = 0;
};

milliseconds heartbeat_of(milliseconds session_timeout) {
    return std::clamp(session_timeout / 15, milliseconds(100), milliseconds(3'000));
}

}  // namespace

void InboundRecord::Release::operator()(rd_kafka_message_s* message) const noexcept {
    rd_kafka_message_destroy(message);
}

std::string_view InboundRecord::topic() const {
    return rd_kafka_topic_name(message_->rkt);
}
std::int32_t InboundRecord::partition() const {
    return message_->partition;
}
std::int64_t InboundRecord::offset() const {
    return message_->offset;
}
std::int64_t InboundRecord::timestamp_ms() const {
    return rd_kafka_message_timestamp(message_.get(), nullptr);
}
std::string_view InboundRecord::key() const {
    return bytes(message_->key, message_->key_len);
}
std::string_view InboundRecord::value() const {
    return bytes(message_->payload, message_->len);
}

std::optional<std::string_view> InboundRecord::header(const char* name) const {
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(message_.get(), &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
    const void* value = nullptr;
    std::size_t size = 0;
    if (rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    return bytes(value, size);
}

Headers InboundRecord::headers() const {
    Headers all;
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(message_.get(), &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return all;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
        all.emplace_back(name, bytes(value, size));
    }
    return all;
}

class Consumer::Impl {
  public:
    explicit Impl(const ConsumerSettings& settings) {
        ConfHandle conf(rd_kafka_conf_new());
        const auto set = [&](const char* name, const std::string& value) { set_option(*conf, name, value); };
        set("client.id", "activity-worker");
        set("group.id", settings.group);
        if (!settings.instance_id.empty()) set("group.instance.id", settings.instance_id);
        // Cooperative-sticky loses assignments and hangs on close in 2.0.x.
        set("partition.assignment.strategy", "range");
        set("session.timeout.ms", std::to_string(settings.session_timeout.count()));
        set("heartbeat.interval.ms", std::to_string(heartbeat_of(settings.session_timeout).count()));
        // The library wants it to be no shorter than the session.
        set("max.poll.interval.ms",
            std::to_string(std::max(settings.max_poll_interval, settings.session_timeout).count()));
        // Offsets are the caller's, and an offset that Kafka no longer has is an error, never a jump.
        set("enable.auto.commit", "false");
        set("enable.auto.offset.store", "false");
        set("auto.offset.reset", "error");
        // Little of each partition at a time, and soon again: that keeps the worker small.
        set("fetch.message.max.bytes", "262144");
        set("queued.max.messages.kbytes", "16384");
        set("queued.min.messages", "10000");
        set("check.crcs", "true");
        // A broker waits that long for that much. With the library's one byte, every record that comes is an
        // answer to every consumer of its partition.
        set("fetch.wait.max.ms", "100");
        set("fetch.min.bytes", "65536");
        set("socket.keepalive.enable", "true");
        set("reconnect.backoff.max.ms", "2000");
        set("allow.auto.create.topics", "false");
        // Topics and partitions that are added are seen within half a minute, not within five.
        set("topic.metadata.refresh.interval.ms", "30000");
        set("statistics.interval.ms", "0");
        set_cluster(*conf, settings.cluster);
        rd_kafka_conf_set_opaque(conf.get(), this);
        rd_kafka_conf_set_rebalance_cb(conf.get(), on_rebalance);
        rd_kafka_conf_set_error_cb(conf.get(), on_error);
        log_client_lines(*conf);
        client_ = new_client(RD_KAFKA_CONSUMER, std::move(conf));
        // One queue for everything, so that one poll serves callbacks and records.
        require(rd_kafka_poll_set_consumer(client_.get()), "consumer queue");
        waker_.emplace(client_.get(), settings.cluster.options);
    }

    ~Impl() { close(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    rd_kafka_t* client() const { return client_.get(); }

    Polled poll(milliseconds timeout) {
        if (waiting_.empty()) {
            MessageHandle message(rd_kafka_consumer_poll(client_.get(), static_cast<int>(timeout.count())));
            if (message) waker_->note_taken(message->len);
            if (waiting_.empty()) return message ? polled(std::move(message)) : Polled(Nothing{});
            // A callback came first: what follows it must not overtake it.
            if (message) waiting_.push_back(polled(std::move(message)));
        }
        Polled next = std::move(waiting_.front());
        waiting_.pop_front();
        return next;
    }

    void assign(const std::vector<PartitionOffset>& offsets) {
        const auto list = list_of(offsets);
        answered_ = true;
        require(rd_kafka_assign(client_.get(), list.get()), "assign");
    }

    void unassign() {
        answered_ = true;
        require(rd_kafka_assign(client_.get(), nullptr), "unassign");
    }

    void close() {
        if (!client_ || closed_) return;
        closed_ = true;
        waiting_.clear();  // its records die before the client
        // The library waits for an answer to its last rebalance, also while it closes.
        if (!answered_) rd_kafka_assign(client_.get(), nullptr);
        const auto error = rd_kafka_consumer_close(client_.get());
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            service::log_warn("kafka consumer did not close cleanly", {{"error", rd_kafka_err2name(error)}});
        }
        waiting_.clear();
    }

  private:
    static void on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t error,
                             rd_kafka_topic_partition_list_t* list, void* opaque) {
        auto& self = *static_cast<Impl*>(opaque);
        if (self.closed_) {  // nobody will poll again
            rd_kafka_assign(client, nullptr);
            return;
        }
        self.answered_ = false;
        if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
            self.waiting_.emplace_back(Assigned{partitions_of(*list)});
        } else {
            self.waiting_.emplace_back(Revoked{partitions_of(*list), rd_kafka_assignment_lost(client) != 0});
        }
    }

    static void on_error(rd_kafka_t* client, int error, const char* reason, void* opaque) {
        auto& self = *static_cast<Impl*>(opaque);
        if (self.closed_) return;
        const auto code = static_cast<rd_kafka_resp_err_t>(error);
        // One broker of several; the log has it, and the client sees to it.
        if (code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__RESOLVE) return;
        PollFailure failure;
        failure.what = std::string(rd_kafka_err2name(code)) + ": " + reason;
        failure.unreachable = code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
        if (code == RD_KAFKA_RESP_ERR__FATAL) {
            std::array<char, error_text_bytes> text{};
            failure.what = rd_kafka_err2name(rd_kafka_fatal_error(client, text.data(), text.size()));
            failure.what.append(": ").append(text.data());
            failure.fatal = true;
        }
        self.waiting_.emplace_back(std::move(failure));
    }

    static Polled polled(MessageHandle message) {
        const auto error = message->err;
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return InboundRecord(message.release());
        if (error == RD_KAFKA_RESP_ERR__PARTITION_EOF) return Nothing{};
        PollFailure failure;
        failure.what = std::string(rd_kafka_err2name(error)) + ": " + rd_kafka_message_errstr(message.get());
        failure.fatal = error == RD_KAFKA_RESP_ERR__FATAL;
        failure.offset_out_of_range =
            error == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || error == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
        if (message->rkt != nullptr)
            failure.partition = {rd_kafka_topic_name(message->rkt), message->partition};
        return failure;
    }

    ClientHandle client_;
    std::optional<FetchWaker> waker_;
    std::deque<Polled> waiting_;  ///< what callbacks said; after client_: its records die first
    bool answered_ = true;        ///< whether the last rebalance has its assign() or unassign()
    bool closed_ = false;
};

Consumer::Consumer(const ConsumerSettings& settings) : impl_(std::make_unique<Impl>(settings)) {}
Consumer::~Consumer() = default;

void Consumer::subscribe(const std::vector<std::string>& topics) {
    std::vector<TopicPartition> list;
    list.reserve(topics.size());
    for (const auto& topic : topics) list.push_back({topic, RD_KAFKA_PARTITION_UA});
    require(rd_kafka_subscribe(impl_->client(), list_of(list).get()), "subscribe");
}

Polled Consumer::poll(milliseconds timeout) {
    return impl_->poll(timeout);
}
void Consumer::assign(const std::vector<PartitionOffset>& offsets) {
    impl_->assign(offsets);
}
void Consumer::unassign() {
    impl_->unassign();
}

void Consumer::seek(const PartitionOffset& offset) {
    const auto list = list_of(std::vector{offset});
    require(rd_kafka_seek_partitions(impl_->client(), list.get(), 10'000), "seek");
    require(list->elems[0].err, "seek");
}

void Consumer::commit_async(const std::vector<PartitionOffset>& next_offsets) {
    if (!next_offsets.empty()) rd_kafka_commit(impl_->client(), list_of(next_offsets).get(), 1);
}

std::optional<std::int64_t> Consumer::high_watermark(const TopicPartition& partition) const {
    std::int64_t low = RD_KAFKA_OFFSET_INVALID;
    std::int64_t high = RD_KAFKA_OFFSET_INVALID;
    const auto error = rd_kafka_get_watermark_offsets(impl_->client(), partition.topic.c_str(),
                                                      partition.partition, &low, &high);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR || high < 0) return std::nullopt;
    return high;
}

std::vector<std::optional<Watermarks>> Consumer::watermarks(const std::vector<TopicPartition>& partitions,
                                                            milliseconds timeout) const {
    // Kafka's ListOffsets takes the oldest and the next offset as times before all others, -2 and -1; the
    // library asks each leader once for all of its partitions. One by one, a broker would answer each only
    // after the fetch that waits on the same connection.
    const auto ask = [&](std::int64_t special) {
        auto list = list_of(partitions);
        for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = special;
        require(rd_kafka_offsets_for_times(impl_->client(), list.get(), static_cast<int>(timeout.count())),
                "offsets that Kafka has");
        return list;
    };
    std::vector<std::optional<Watermarks>> out;
    if (partitions.empty()) return out;
    const auto oldest = ask(offset_beginning);
    const auto next = ask(offset_end);
    for (const auto& [topic, partition] : partitions) {
        const auto* const first = rd_kafka_topic_partition_list_find(oldest.get(), topic.c_str(), partition);
        const auto* const end = rd_kafka_topic_partition_list_find(next.get(), topic.c_str(), partition);
        const bool known = first->err == RD_KAFKA_RESP_ERR_NO_ERROR && end->err == RD_KAFKA_RESP_ERR_NO_ERROR;
        out.push_back(known ? std::optional(Watermarks{first->offset, end->offset}) : std::nullopt);
    }
    if (std::ranges::none_of(out, [](const auto& known) { return known.has_value(); }))
        require(oldest->elems[0].err, "offsets that Kafka has");
    return out;
}

bool Consumer::reachable(milliseconds timeout) const {
    const struct rd_kafka_metadata* raw = nullptr;
    const auto error =
        rd_kafka_metadata(impl_->client(), 0, nullptr, &raw, static_cast<int>(timeout.count()));
    const MetadataHandle metadata(raw);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR;
}

void Consumer::close() {
    impl_->close();
}

}  // namespace activity::wire
