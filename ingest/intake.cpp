#include "ingest/intake.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>

#include "ingest/server/base64.h"
#include "schemas/activity/json.h"
#include "schemas/wire/record.h"

namespace activity::ingest {
namespace {

/// Authorization headers whose source is remembered; more than any installation has keys.
constexpr std::size_t known_authorizations_max = 1'024;

constexpr std::string_view missing_key =
    "the write key is missing: send it as the user of HTTP Basic, or as writeKey in the body";
constexpr std::string_view unknown_key = "no source has this write key";

struct Route {
    std::string_view path;
    SegmentCall call;
};

constexpr std::array<Route, 7> routes{{
    {"/v1/track", {false, EventType::track}},
    {"/v1/batch", {true, EventType::track}},
    {"/v1/page", {false, EventType::page}},
    {"/v1/screen", {false, EventType::screen}},
    {"/v1/identify", {false, EventType::identify}},
    {"/v1/group", {false, EventType::group}},
    {"/v1/alias", {false, EventType::alias}},
}};

std::optional<SegmentCall> call_at(std::string_view path) {
    // SDKs of other vendors that speak this dialect end their addresses with a slash.
    if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    const auto* route =
        std::find_if(routes.begin(), routes.end(), [path](const Route& r) { return r.path == path; });
    if (route == routes.end()) return std::nullopt;
    return route->call;
}

bool starts_with_no_case(std::string_view text, std::string_view prefix) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return text.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), text.begin(),
                                                      [lower](char a, char b) { return a == lower(b); });
}

/// JSON under its own name, or under one that browsers send without a preflight, that curl sends if it is not
/// told, and that RudderStack's SDK for Node.js sends: the body is read as JSON in any case.
bool may_be_json(std::string_view content_type) {
    constexpr std::array<std::string_view, 3> types{"application/json", "text/plain",
                                                    "application/x-www-form-urlencoded"};
    return content_type.empty() ||
           std::any_of(types.begin(), types.end(), [content_type](std::string_view type) {
               return starts_with_no_case(content_type, type);
           });
}

Reply unauthorized(std::string_view code, std::string_view detail) {
    Reply reply = problem(401, code, detail);
    reply.headers = "WWW-Authenticate: Basic realm=\"activity\", charset=\"UTF-8\"\r\n";
    return reply;
}

Reply come_again(std::string_view code, std::string_view detail, int seconds) {
    Reply reply = problem(503, code, detail);
    reply.headers = "Retry-After: " + std::to_string(seconds) + "\r\n";
    return reply;
}

void append_verdict(std::string& out, const Verdict& verdict) {
    out += R"({"messageId":)";
    if (verdict.message_id.empty()) {
        out += "null";
    } else {
        json::append_string(out, verdict.message_id);
    }
    const Rejection* rejection = verdict.rejection();
    if (rejection == nullptr) {
        out += R"(,"status":"accepted"})";
        return;
    }
    out += R"(,"status":"rejected","code":")";
    out += to_string(rejection->reason);
    out += R"(","field":)";
    json::append_string(out, rejection->field);
    out += R"(,"message":)";
    json::append_string(out, rejection->message);
    out += '}';
}

std::string verdicts_json(const std::vector<Verdict>& verdicts, std::size_t accepted) {
    std::string out;
    out.reserve(64 + 80 * verdicts.size());
    out += R"({"accepted":)";
    out += std::to_string(accepted);
    out += R"(,"rejected":)";
    out += std::to_string(verdicts.size() - accepted);
    out += R"(,"results":[)";
    for (const Verdict& verdict : verdicts) {
        if (&verdict != &verdicts.front()) out += ',';
        append_verdict(out, verdict);
    }
    out += "]}";
    return out;
}

/// A body that is no event and no batch of them: the same form, with one result that names no message.
Reply refused_body(const Rejection& rejection) {
    Reply reply;
    reply.status = 400;
    reply.body = verdicts_json({Verdict{"", rejection}}, 0);
    return reply;
}

}  // namespace

Intake::Intake(const IntakeShared& shared, std::size_t reactor)
    : shared_(shared),
      ticket_base_(static_cast<wire::Ticket>(reactor) << 56),
      segment_(shared.catalogue, shared.limits),
      latency_buckets_(IngestMetrics::ack_latency_bounds().size() + 1) {
    const auto add = [this](const std::string& topic, const std::string& schema_id) {
        const std::string name = shared_.topic_prefix + topic;
        destinations_.push_back({name, schema_id, &shared_.metrics.produced(name)});
    };
    for (const CatalogueActivity& activity : shared.catalogue.activities()) add(activity.topic, activity.id);
    add(shared.catalogue.unknown_topic().name, "-");
}

Intake::~Intake() {
    flush_metrics();
}

std::optional<Reply> Intake::accept(Request request, RequestId id, Clock::time_point now) {
    const auto call = call_at(request.path);
    if (!call) return count(problem(404, "not_found", "there is nothing at this address"));
    if (request.method != Method::post) {
        Reply reply = problem(405, "method_not_allowed", "only POST is answered here");
        reply.headers = "Allow: POST\r\n";
        return count(std::move(reply));
    }
    if (!may_be_json(request.content_type)) {
        return count(
            problem(415, "unsupported_media_type", "must be application/json or text/plain", "Content-Type"));
    }
    if (!request.content_encoding.empty() && request.content_encoding != "identity") {
        return count(problem(415, "unsupported_encoding", "must be identity", "Content-Encoding"));
    }
    auto reply = accept_call(*call, std::move(request), id, now);
    if (reply) return count(*std::move(reply));
    return reply;
}

std::optional<Reply> Intake::accept_call(SegmentCall call, Request request, RequestId id,
                                         Clock::time_point now) {
    const Source* source = nullptr;
    if (!request.authorization.empty()) {
        // Before the body is parsed: a stranger's body costs nothing.
        source = source_of_authorization(request.authorization);
        if (source == nullptr) return unauthorized("invalid_write_key", unknown_key);
    }
    if (auto rejection = segment_.read(request.body)) {
        if (source == nullptr) return unauthorized("missing_write_key", missing_key);
        shared_.metrics.rejected(rejection->reason).Increment();
        return refused_body(*rejection);
    }
    if (source == nullptr) {
        if (segment_.write_key().empty()) return unauthorized("missing_write_key", missing_key);
        source = shared_.sources.find(segment_.write_key());
        if (source == nullptr) return unauthorized("invalid_write_key", unknown_key);
    }
    if (!source->enabled) return problem(403, "source_disabled", "this source is switched off");

    auto read = segment_.verdicts(call, source->name, activity::now());
    if (const auto* rejection = std::get_if<Rejection>(&read)) {
        shared_.metrics.rejected(rejection->reason).Increment();
        return refused_body(*rejection);
    }
    return publish(std::get<std::vector<Verdict>>(read), *source, id, now);
}

const Source* Intake::source_of_authorization(const std::string& authorization) {
    if (const auto known = known_authorizations_.find(authorization); known != known_authorizations_.end()) {
        return known->second;
    }
    constexpr std::string_view basic = "basic ";
    constexpr std::string_view bearer = "bearer ";
    const std::string_view view(authorization);
    const Source* source = nullptr;
    if (starts_with_no_case(view, basic)) {
        const auto credentials = decode_base64(view.substr(basic.size()));
        if (!credentials) return nullptr;
        source = shared_.sources.find(std::string_view(*credentials).substr(0, credentials->find(':')));
    } else if (starts_with_no_case(view, bearer)) {
        source = shared_.sources.find(view.substr(bearer.size()));
    }
    // Only good ones are remembered: a stranger cannot fill the memory.
    if (source != nullptr && known_authorizations_.size() < known_authorizations_max) {
        known_authorizations_.emplace(authorization, source);
    }
    return source;
}

std::optional<Reply> Intake::publish(const std::vector<Verdict>& verdicts, const Source& source, RequestId id,
                                     Clock::time_point now) {
    std::size_t accepted = 0;
    for (const Verdict& verdict : verdicts) {
        if (verdict.event() != nullptr) {
            ++accepted;
        } else {
            shared_.metrics.rejected(verdict.rejection()->reason).Increment();
        }
    }
    if (accepted == 0) {
        Reply reply;
        reply.status = 400;
        reply.body = verdicts_json(verdicts, 0);
        return reply;
    }

    const std::uint32_t place = take_place();
    const wire::Ticket ticket = ticket_base_ | place;
    std::uint32_t queued = 0;
    bool full = false;
    for (const Verdict& verdict : verdicts) {
        const ActivityEvent* event = verdict.event();
        if (event == nullptr) continue;
        const Destination& to = destination(*event);
        const wire::Record record = wire::make_record(*event, to.topic, to.schema_id);
        // An event within its limit is far within Kafka's, so "too large" cannot come; were an operator's
        // limits to make it come, "come again" would at least not lose the event in silence.
        if (shared_.publisher.publish(record, ticket) != wire::Enqueued::queued) {
            full = true;
            break;
        }
        to.produced->Increment();
        ++queued;
    }

    InFlight& request = in_flight_[place];
    request.reports_missing = queued;
    if (queued == 0) {
        free_places_.push_back(place);
    } else {
        request.id = id;
        request.source = &source;
        request.events = queued;
        request.answered = full;
        request.failed = false;
        request.started = now;
        if (!full) request.body = verdicts_json(verdicts, accepted);
    }
    // What was queued before may be stored or not; the client's repeat under the same IDs makes it right.
    if (full)
        return come_again("queue_full", "too many events are waiting for Kafka; nothing is confirmed", 1);
    return std::nullopt;
}

const Intake::Destination& Intake::destination(const ActivityEvent& event) const {
    const CatalogueActivity* known = shared_.catalogue.find(event.type, event.activity);
    if (known == nullptr) return destinations_.back();
    return destinations_[static_cast<std::size_t>(known - shared_.catalogue.activities().data())];
}

std::uint32_t Intake::take_place() {
    if (free_places_.empty()) {
        in_flight_.emplace_back();
        return static_cast<std::uint32_t>(in_flight_.size() - 1);
    }
    const std::uint32_t place = free_places_.back();
    free_places_.pop_back();
    return place;
}

void Intake::complete(std::span<const wire::DeliveryReport> reports, Clock::time_point now,
                      std::vector<Answer>& answers) {
    for (const wire::DeliveryReport& report : reports) {
        const auto place = static_cast<std::uint32_t>(report.ticket & 0xffff'ffffU);
        InFlight& request = in_flight_[place];
        assert(request.reports_missing > 0);
        if (!report.persisted) {
            request.failed = true;
            shared_.metrics.delivery_error(report.error).Increment();
        }
        if (--request.reports_missing > 0) continue;
        if (!request.answered) answers.push_back({request.id, reply_to(request, now)});
        free_places_.push_back(place);
    }
}

Reply Intake::reply_to(InFlight& request, Clock::time_point now) {
    if (request.failed) {
        return count(
            come_again("not_confirmed",
                       "Kafka did not confirm the events; send them again under the same message IDs", 5));
    }
    observe_latency(now - request.started);
    shared_.metrics.accepted(*request.source).Increment(request.events);
    Reply reply;
    reply.status = 202;
    reply.body = std::move(request.body);
    return count(std::move(reply));
}

void Intake::expire(Clock::time_point now, std::vector<Answer>& answers) {
    for (InFlight& request : in_flight_) {
        if (request.reports_missing == 0 || request.answered || now - request.started < shared_.ack_timeout)
            continue;
        request.answered = true;
        request.failed = true;
        answers.push_back({request.id, reply_to(request, now)});
        request.body = {};
    }
    flush_metrics();
}

Reply Intake::count(Reply reply) {
    count_request(reply.status);
    return reply;
}

void Intake::count_request(int status) {
    auto& counter = request_counters_[status];
    if (counter == nullptr) counter = &shared_.metrics.requests(status);
    counter->Increment();
}

void Intake::observe_latency(std::chrono::duration<double> latency) {
    const auto& bounds = IngestMetrics::ack_latency_bounds();
    const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), latency.count()) - bounds.begin();
    latency_buckets_[static_cast<std::size_t>(bucket)] += 1;
    latency_sum_s_ += latency.count();
    ++latencies_;
}

/// The histogram locks for every observation; this way once for a tick's worth of them.
void Intake::flush_metrics() {
    if (latencies_ == 0) return;
    shared_.metrics.ack_latency.ObserveMultiple(latency_buckets_, latency_sum_s_);
    std::fill(latency_buckets_.begin(), latency_buckets_.end(), 0);
    latency_sum_s_ = 0;
    latencies_ = 0;
}

}  // namespace activity::ingest
