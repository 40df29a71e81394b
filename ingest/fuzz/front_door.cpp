#include "ingest/fuzz/front_door.h"

#include <prometheus/registry.h>
#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <set>

#include "ingest/fuzz/check.h"
#include "ingest/intake.h"
#include "ingest/server/connection.h"
#include "ingest/tests/recording_publisher.h"
#include "schemas/activity/uuid.h"

namespace activity::ingest::fuzz {
namespace {

namespace http = boost::beast::http;

/// Between two connections every source's rate has recovered.
constexpr std::chrono::seconds between_connections{20};
constexpr std::chrono::milliseconds ack_timeout{1'000};
constexpr std::string_view proxies = "10.0.0.0/8";
constexpr std::string_view peer = "10.1.2.3";

constexpr std::array<int, 16> statuses{200, 202, 204, 400, 401, 403, 404, 405,
                                       408, 413, 415, 417, 429, 431, 503};

const std::set<std::string, std::less<>> header_names{"access-control-allow-credentials",
                                                      "access-control-allow-headers",
                                                      "access-control-allow-methods",
                                                      "access-control-allow-origin",
                                                      "access-control-expose-headers",
                                                      "access-control-max-age",
                                                      "accept-encoding",
                                                      "allow",
                                                      "cache-control",
                                                      "connection",
                                                      "content-length",
                                                      "content-security-policy",
                                                      "content-type",
                                                      "cross-origin-resource-policy",
                                                      "date",
                                                      "referrer-policy",
                                                      "retry-after",
                                                      "vary",
                                                      "www-authenticate",
                                                      "x-content-type-options",
                                                      "x-ratelimit-limit",
                                                      "x-ratelimit-remaining",
                                                      "x-ratelimit-reset"};

std::string sources_toml() {
    const auto entry = [](const std::string& name, const std::string& more) {
        return "[[source]]\nname = \"" + name + "\"\nkeys = [{ sha256 = \"" +
               format_hash(hash_key(name + "-key")) + "\" }]\n" + more;
    };
    return entry("web", "origins = [\"https://school.example\"]\n") + entry("old", "enabled = false\n") +
           entry("any", "origins = [\"*\"]\nschema = \"reject\"\ntime_window = \"reject\"\n") +
           entry("slow", "events_per_second = 1000\nburst_events = 3\ndrop = [{ activity = \"Noise\" }]\n");
}

/// Small, so that inputs of a few hundred bytes reach them.
ServerLimits server_limits() {
    ServerLimits limits;
    limits.header_bytes_max = 1'024;
    limits.body_bytes_max = 8'192;
    return limits;
}

SegmentLimits segment_limits() {
    SegmentLimits limits;
    limits.event_bytes_max = 2'048;
    limits.batch_events_max = 12;
    return limits;
}

constexpr GzipLimits gzip_limits{8'192, 100};

std::string header_of(const wire::Record& record, std::string_view name) {
    const auto found = std::find_if(record.headers.begin(), record.headers.end(),
                                    [name](const auto& header) { return header.first == name; });
    require(found != record.headers.end(), "a record has its headers");
    return found->second;
}

/// UUIDv7s are made with the time and at random: each becomes the same letters.
std::string without_made_ids(std::string text) {
    constexpr std::size_t uuid_bytes = 36;
    constexpr std::size_t version_at = 14;
    std::size_t at = 0;
    while ((at = text.find("-7", at)) != std::string::npos) {
        const std::size_t begin = at + 1 - version_at;
        ++at;
        if (at < version_at || !parse_uuid(std::string_view(text).substr(begin, uuid_bytes))) continue;
        text.replace(begin, uuid_bytes, "made");
        at = begin;
    }
    return text;
}

/// The reply to one request, as a client reads it.
struct ReadReply {
    int status = 0;
    std::string content_type;
    std::string body;
    std::string text;  ///< all of it but its date
};

ReadReply read_reply(std::string_view bytes, bool is_head) {
    http::response_parser<http::string_body> parser;
    parser.eager(true);
    parser.skip(is_head);
    boost::beast::error_code error;
    const std::size_t used = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
    require(!error && parser.is_done(), "a reply is well-formed HTTP", bytes);
    require(used == bytes.size(), "a reply is as long as it says", bytes);
    const auto& response = parser.get();
    ReadReply reply;
    reply.status = static_cast<int>(response.result_int());
    reply.body = response.body();
    require(std::find(statuses.begin(), statuses.end(), reply.status) != statuses.end(),
            "a documented status", bytes);
    require(reply.status == 204 || response.find(http::field::content_length) != response.end(),
            "a reply has its Content-Length", bytes);
    std::string names_before;
    std::set<std::string> seen;
    for (const auto& field : response) {
        std::string name(field.name_string());
        std::transform(name.begin(), name.end(), name.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        require(header_names.contains(name), "a header that we send", bytes);
        require(seen.insert(name).second, "each header once", bytes);
        if (name == "content-type") reply.content_type = field.value().to_string();
        if (name != "date") reply.text += name + ": " + field.value().to_string() + "\n";
    }
    const auto origin = response.find(http::field::access_control_allow_origin);
    require(origin == response.end() || origin->value() != "*" ||
                !seen.contains("access-control-allow-credentials"),
            "credentials are never for any origin", bytes);
    reply.text = std::to_string(reply.status) + "\n" + reply.text + "\n" + reply.body;
    return reply;
}

}  // namespace

struct FrontDoor::World {
    Catalogue catalogue = Catalogue::load(Catalogue::default_file());
    prometheus::Registry registry;
    IngestMetrics metrics{registry};
    LiveSources sources{Sources::parse(sources_toml(), "fuzz"), "", metrics};
    RecordingPublisher kafka;
    RejectedEvents rejected{kafka, "activity."};
    IntakeShared shared{catalogue,
                        sources,
                        metrics,
                        kafka,
                        rejected,
                        "activity.",
                        segment_limits(),
                        gzip_limits,
                        *TrustedProxies::parse(proxies),
                        ack_timeout};
    ServerLimits limits = server_limits();
    ClientAddress client = *ClientAddress::parse(peer);
    Intake intake{shared, 3};
    EventReader worker;
    json::Reader json_reader;
    Clock::time_point now{};
};

/// One connection.
class FrontDoor::Run {
  public:
    Run(World& world, Fate fate) : world_(world), fate_(fate), connection_(world.limits, world.now) {
        world_.now += between_connections;
    }

    Outcome serve(std::string_view bytes, const std::vector<std::size_t>& pieces) && {
        std::size_t turn = 0;
        while (!bytes.empty() && connection_.wants_input()) {
            const std::size_t length =
                pieces.empty() ? bytes.size() : std::min(bytes.size(), pieces[turn++ % pieces.size()]);
            connection_.receive(bytes.substr(0, length), world_.now);
            bytes.remove_prefix(length);
            serve_requests();
        }
        require(!connection_.in_work(), "every request was answered");
        connection_.end_of_input();
        return std::move(outcome_);
    }

  private:
    void serve_requests() {
        for (;;) {
            auto next = connection_.next_request(world_.now);
            if (auto* request = std::get_if<Request>(&next)) {
                require(!failed_, "after a protocol error nothing is read as a request");
                const bool is_head = request->method == Method::head;
                request->peer = world_.client;
                const Reply reply = answer(*std::move(request));
                connection_.reply(reply, world_.now);
                take_reply(is_head);
                continue;
            }
            if (const auto* error = std::get_if<ProtocolError>(&next)) {
                require(!failed_, "one protocol error ends a connection");
                failed_ = true;
                connection_.refuse(*error, world_.intake.refuse(error->status, connection_.seen()),
                                   world_.now);
                take_reply(false);
                continue;
            }
            break;
        }
        // What is left is the interim reply of a request whose body is still to come.
        if (!connection_.output().empty()) send_interim(connection_.output());
    }

    Reply answer(Request request) {
        const RequestId id{7, 42};
        RecordingPublisher& kafka = world_.kafka;
        kafka.records.clear();
        kafka.rejected.clear();
        kafka.tickets.clear();
        kafka.capacity = fate_ == Fate::queue_full ? 1 : 1'000'000;
        std::vector<Answer> answers;
        auto reply = world_.intake.accept(std::move(request), id, world_.now);
        if (reply) {
            report(answers);
            require(answers.empty(), "no second reply");
        } else {
            require(!kafka.records.empty(), "only records are waited for");
            if (fate_ == Fate::late) world_.intake.expire(world_.now + ack_timeout, answers);
            report(answers);
            require(answers.size() == 1, "one reply to one request");
            require(answers[0].id.descriptor == id.descriptor &&
                        answers[0].id.connection_serial == id.connection_serial,
                    "the reply bears its request's name");
            reply = std::move(answers[0].reply);
        }
        check_records();
        return *std::move(reply);
    }

    void report(std::vector<Answer>& answers) {
        std::vector<wire::DeliveryReport> reports;
        for (const wire::Ticket ticket : world_.kafka.tickets) {
            require(reactor_of(ticket) == 3, "a ticket names its reactor");
            const bool is_lost = fate_ == Fate::lost && reports.size() + 1 == world_.kafka.tickets.size();
            reports.push_back({ticket, !is_lost, is_lost ? "_MSG_TIMED_OUT" : ""});
        }
        world_.intake.complete(reports, world_.now, answers);
    }

    void check_records() {
        for (const wire::Record& record : world_.kafka.records) {
            require(record.value.has_value() && record.key.has_value(), "a record has a key and a value");
            const ActivityEvent event = require_canonical(world_.worker, *record.value);
            require(*record.key == wire::record_key(event), "the key is the source's learner", *record.key);
            require(header_of(record, wire::header::message_id) == event.message_id, "the header message-id");
            require(header_of(record, wire::header::source) == event.source, "the header source");
            require(event.source == "web" || event.source == "any" || event.source == "slow",
                    "a source that may send");
            require(record.topic.starts_with("activity."), "the topic's prefix", record.topic);
            outcome_.records.push_back(without_made_ids(record.topic + " " + *record.key + " " +
                                                        event.message_id + " " + event.activity));
        }
        for (const wire::Record& record : world_.kafka.rejected) {
            require(record.topic == "activity.rejected", "the topic of rejections", record.topic);
            require_json(world_.json_reader, *record.value, "a rejection's record is JSON");
        }
    }

    /// Takes the bytes of one reply off the connection, as if they were sent.
    void take_reply(bool is_head) {
        std::string_view bytes = connection_.output();
        constexpr std::string_view interim = "HTTP/1.1 100 Continue\r\n\r\n";
        if (bytes.starts_with(interim)) bytes.remove_prefix(interim.size());
        const ReadReply reply = read_reply(bytes, is_head);
        if (!is_head) check_body(reply);
        outcome_.replies.push_back(without_made_ids(reply.text));
        connection_.sent(connection_.output().size(), world_.now);
    }

    void send_interim(std::string_view bytes) {
        require(bytes == "HTTP/1.1 100 Continue\r\n\r\n", "nothing but 100 comes before the reply", bytes);
        connection_.sent(bytes.size(), world_.now);
    }

    void check_body(const ReadReply& reply) {
        const std::size_t records = failed_ ? 0 : world_.kafka.records.size();
        if (reply.content_type == "image/gif") {
            require(records == 1 && reply.status == 200, "a pixel is one event that is stored", reply.text);
            return;
        }
        if (reply.status != 202) {
            require(records == 0 || reply.status == 503, "what is not confirmed is answered 503", reply.text);
        }
        const bool is_problem = reply.content_type == "application/problem+json";
        if (!is_problem && reply.content_type != "application/json") return;
        const json::Element document = require_json(world_.json_reader, reply.body, "a reply's body is JSON");
        std::uint64_t accepted = 0;
        if (reply.status == 202) {
            require(!document["accepted"].get(accepted) && accepted == records, "202 counts what is stored",
                    reply.text);
            require(fate_ != Fate::lost && fate_ != Fate::late, "202 is for what is confirmed", reply.text);
        }
        json::Array results;
        if (!document["results"].get(results)) {
            std::uint64_t rejected = 0, dropped = 0;
            require(!document["accepted"].get(accepted) && !document["rejected"].get(rejected), "counts",
                    reply.text);
            static_cast<void>(document["dropped"].get(dropped));
            require(results.size() == accepted + rejected + dropped, "a result for each event", reply.text);
        }
        if (reply.status < 400) return;
        std::string_view code;
        require(!document["code"].get(code) && !code.empty(), "an error has a code", reply.text);
    }

    World& world_;
    const Fate fate_;
    Connection connection_;
    Outcome outcome_;
    bool failed_ = false;
};

FrontDoor::FrontDoor() : world_(std::make_unique<World>()) {}
FrontDoor::~FrontDoor() = default;

Outcome FrontDoor::serve(std::string_view bytes, const std::vector<std::size_t>& pieces, Fate fate) {
    return Run(*world_, fate).serve(bytes, pieces);
}

}  // namespace activity::ingest::fuzz
