#include "schemas/wire/producer.h"

#include <simdjson.h>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "schemas/service/log.h"
#include "schemas/wire/client_log.h"
#include "schemas/wire/kafka_handle.h"

namespace activity::wire {
namespace {

/// How long the polling thread may sleep before it looks whether it shall stop.
constexpr int poll_timeout_ms = 100;
/// Waiting time of the last flush of a client that a fatal error has ended.
constexpr int fatal_flush_ms = 2'000;

ClientHandle start_client(const ProducerSettings& settings) {
    ConfHandle conf(rd_kafka_conf_new());
    const auto set = [&conf](const char* name, const std::string& value) { set_option(*conf, name, value); };
    // A 202 means stored on every in-sync replica, once, in order.
    set("acks", "all");
    set("enable.idempotence", "true");
    set("max.in.flight.requests.per.connection", "5");
    // The same partitioner as Java's clients, so that other producers' records of one learner meet ours.
    set("partitioner", "murmur2_random");
    set("linger.ms", std::to_string(settings.linger.count()));
    set("delivery.timeout.ms", std::to_string(settings.delivery_timeout.count()));
    set("request.timeout.ms", "10000");
    set("socket.timeout.ms", "15000");
    set("compression.type", "lz4");
    set("queue.buffering.max.messages", std::to_string(settings.queue_messages_max));
    set("queue.buffering.max.kbytes", std::to_string(settings.queue_kbytes_max));
    set("socket.nagle.disable", "true");
    set("socket.keepalive.enable", "true");
    set("reconnect.backoff.max.ms", "2000");
    // Tells whether there is a broker and a producer ID; nothing else does.
    set("statistics.interval.ms", "1000");
    set_cluster(*conf, settings.cluster);
    log_client_lines(*conf);
    rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS);
    return new_client(RD_KAFKA_PRODUCER, std::move(conf));
}

void* opaque(Ticket ticket) {
    return reinterpret_cast<void*>(ticket);
}  // NOLINT(performance-no-int-to-ptr)
Ticket ticket_of(const rd_kafka_message_t& message) {
    return reinterpret_cast<Ticket>(message._private);
}
static_assert(sizeof(Ticket) == sizeof(void*));

HeadersHandle client_headers(const Headers& headers) {
    HeadersHandle out(rd_kafka_headers_new(headers.size()));
    for (const auto& [name, value] : headers) {
        rd_kafka_header_add(out.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                            static_cast<ssize_t>(value.size()));
    }
    return out;
}

/// The library takes a null pointer for Kafka's null.
std::string_view bytes_or_null(const std::optional<std::string>& bytes) {
    return bytes ? std::string_view(*bytes) : std::string_view();
}

/// Ready when the client has its producer ID (else the first requests pay for it) and a broker is up.
bool is_ready(simdjson::dom::parser& parser, const char* statistics) {
    simdjson::dom::element root;
    if (parser.parse(std::string_view(statistics)).get(root)) return false;
    std::string_view idempotence;
    simdjson::dom::object brokers;
    if (root["eos"]["idemp_state"].get(idempotence) || root["brokers"].get(brokers)) return false;
    if (idempotence != "Assigned") return false;
    for (const auto broker : brokers) {
        std::string_view state;
        std::int64_t node = -1;
        // The logical brokers (bootstrap, group coordinator) have node ID -1.
        if (broker.value["state"].get(state) || broker.value["nodeid"].get(node)) continue;
        if (state == "UP" && node >= 0) return true;
    }
    return false;
}

}  // namespace

class Producer::Impl {
  public:
    Impl(const ProducerSettings& settings, OnDelivered on_delivered)
        : settings_(settings), on_delivered_(std::move(on_delivered)), client_(start_shared(settings)) {
        thread_ = std::thread([this] { serve(); });
    }

    ~Impl() {
        stopping_ = true;
        thread_.join();
        const auto client = client_.load();
        rd_kafka_purge(client.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        drain(*client, 1'000);
    }

    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    Enqueued publish(const Record& record, Ticket ticket) {
        const auto client = client_.load();
        HeadersHandle headers = client_headers(record.headers);
        const std::string_view key = bytes_or_null(record.key);
        const std::string_view value = bytes_or_null(record.value);
        const rd_kafka_resp_err_t error =
            rd_kafka_producev(client.get(), RD_KAFKA_V_TOPIC(record.topic.c_str()),
                              RD_KAFKA_V_PARTITION(record.partition), RD_KAFKA_V_KEY(key.data(), key.size()),
                              // The cast only drops const: F_COPY makes the library copy the bytes.
                              RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                              RD_KAFKA_V_HEADERS(headers.get()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_OPAQUE(opaque(ticket)), RD_KAFKA_V_END);
        switch (error) {
            case RD_KAFKA_RESP_ERR_NO_ERROR:
                static_cast<void>(headers.release());  // the library's since it took the record
                return Enqueued::queued;
            case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE: return Enqueued::too_large;
            // Everything else passes: a full queue, a topic not yet seen, a client that is being replaced.
            default: return Enqueued::queue_full;
        }
    }

    bool flush(std::chrono::milliseconds timeout) {
        const auto end = std::chrono::steady_clock::now() + timeout;
        const auto client = client_.load();
        // The polling thread serves the reports; linger ends at once where the library is told to flush.
        while (rd_kafka_outq_len(client.get()) > 0) {
            if (std::chrono::steady_clock::now() >= end) return false;
            rd_kafka_flush(client.get(), poll_timeout_ms);
        }
        return true;
    }

    ProducerState state() const {
        ProducerState state;
        state.ready = ready_;
        state.replaced = replaced_;
        state.queued_messages = static_cast<std::size_t>(rd_kafka_outq_len(client_.load().get()));
        return state;
    }

    std::vector<std::string> missing_topics(const std::vector<std::string>& topics,
                                            std::chrono::milliseconds timeout) {
        const auto client = client_.load();
        std::vector<TopicHandle> handles;  // a topic that the client knows is part of its metadata requests
        for (const std::string& topic : topics)
            handles.emplace_back(rd_kafka_topic_new(client.get(), topic.c_str(), nullptr));
        const struct rd_kafka_metadata* raw = nullptr;
        if (rd_kafka_metadata(client.get(), 0, nullptr, &raw, static_cast<int>(timeout.count())) !=
            RD_KAFKA_RESP_ERR_NO_ERROR) {
            return topics;
        }
        const MetadataHandle metadata(raw);
        std::vector<std::string> missing = topics;
        for (int i = 0; i < metadata->topic_cnt; ++i) {
            const auto& topic = metadata->topics[i];
            if (topic.err == RD_KAFKA_RESP_ERR_NO_ERROR) std::erase(missing, topic.topic);
        }
        return missing;
    }

  private:
    static std::shared_ptr<rd_kafka_t> start_shared(const ProducerSettings& settings) {
        return std::shared_ptr<rd_kafka_t>(start_client(settings));
    }

    void serve() {
        auto client = client_.load();
        QueueHandle queue(rd_kafka_queue_get_main(client.get()));
        while (!stopping_) {
            serve_one(*queue, poll_timeout_ms);
            if (!fatal_) continue;
            fatal_ = false;
            ready_ = false;
            queue.reset();
            replace(client);
            client = client_.load();
            queue.reset(rd_kafka_queue_get_main(client.get()));
        }
    }

    bool serve_one(rd_kafka_queue_t& queue, int timeout_ms) {
        const EventHandle event(rd_kafka_queue_poll(&queue, timeout_ms));
        if (!event) return false;
        switch (rd_kafka_event_type(event.get())) {
            case RD_KAFKA_EVENT_DR: report(*event); break;
            case RD_KAFKA_EVENT_STATS: ready_ = is_ready(parser_, rd_kafka_event_stats(event.get())); break;
            case RD_KAFKA_EVENT_ERROR: note_error(*event); break;
            default: break;
        }
        return true;
    }

    void report(rd_kafka_event_t& event) {
        reports_.clear();
        while (const rd_kafka_message_t* message = rd_kafka_event_message_next(&event)) {
            const bool persisted = message->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
                                   rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_PERSISTED;
            reports_.push_back(
                {ticket_of(*message), persisted, persisted ? "" : rd_kafka_err2name(message->err)});
        }
        on_delivered_(reports_);
    }

    void note_error(rd_kafka_event_t& event) {
        const auto error = rd_kafka_event_error(&event);
        service::log_warn("kafka producer", {{"error", rd_kafka_err2name(error)},
                                             {"text", rd_kafka_event_error_string(&event)}});
        if (error == RD_KAFKA_RESP_ERR__FATAL) fatal_ = true;
        if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) ready_ = false;
    }

    /// A fatal error is for ever for its client: the next publish() goes to a new one.
    void replace(const std::shared_ptr<rd_kafka_t>& old) {
        service::log_error("kafka producer is replaced after a fatal error");
        client_.store(start_shared(settings_));
        ++replaced_;
        rd_kafka_purge(old.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        drain(*old, fatal_flush_ms);
    }

    /// Serves what is left until every record has its report.
    void drain(rd_kafka_t& client, int patience_ms) {
        const QueueHandle queue(rd_kafka_queue_get_main(&client));
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_ms);
        while (rd_kafka_outq_len(&client) > 0 && std::chrono::steady_clock::now() < end) {
            serve_one(*queue, poll_timeout_ms);
        }
    }

    const ProducerSettings settings_;
    const OnDelivered on_delivered_;
    // Threads that publish hold the old client alive until they are through with it.
    std::atomic<std::shared_ptr<rd_kafka_t>> client_;
    std::atomic<bool> stopping_ = false;
    std::atomic<bool> ready_ = false;
    std::atomic<std::uint64_t> replaced_ = 0;

    // Of the serving thread:
    bool fatal_ = false;
    std::vector<DeliveryReport> reports_;
    simdjson::dom::parser parser_;

    std::thread thread_;
};

Producer::Producer(const ProducerSettings& settings, OnDelivered on_delivered)
    : impl_(std::make_unique<Impl>(settings, std::move(on_delivered))) {}

Producer::~Producer() = default;

Enqueued Producer::publish(const Record& record, Ticket ticket) {
    return impl_->publish(record, ticket);
}

bool Producer::flush(std::chrono::milliseconds timeout) {
    return impl_->flush(timeout);
}

ProducerState Producer::state() const {
    return impl_->state();
}

std::vector<std::string> Producer::missing_topics(const std::vector<std::string>& topics,
                                                  std::chrono::milliseconds timeout) {
    return impl_->missing_topics(topics, timeout);
}

}  // namespace activity::wire
