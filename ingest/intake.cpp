#include "ingest/intake.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>

#include "ingest/cors.h"
#include "ingest/dialects/sdk_settings.h"
#include "ingest/replies.h"
#include "ingest/server/base64.h"
#include "ingest/web/web.h"
#include "schemas/wire/record.h"

namespace activity::ingest {
namespace {

/// Authorization headers whose source is remembered; more than any installation has keys.
constexpr std::size_t known_authorizations_max = 1'024;

constexpr std::string_view missing_key =
    "the write key is missing: send it as the user of HTTP Basic, or as writeKey in the query or the body";
constexpr std::string_view unknown_key = "no source has this write key";

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

/// The draft's header holds a string in quotes (httpapi-idempotency-key-header); most clients leave them out.
std::string_view unquoted(std::string_view text) {
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') return text.substr(1, text.size() - 2);
    return text;
}

/// All or nothing: with one event refused, the others are too.
void refuse_the_others(std::vector<Verdict>& verdicts) {
    for (Verdict& verdict : verdicts) {
        if (verdict.rejection() != nullptr) continue;
        verdict.unaccepted_id = verdict.message_id();
        verdict.outcome = Rejection{Reason::other_event_rejected, "",
                                    "is good, but another event of this atomic batch is not"};
    }
}

}  // namespace

Intake::Intake(const IntakeShared& shared, std::size_t reactor)
    : shared_(shared),
      ticket_base_(static_cast<wire::Ticket>(reactor) << 56),
      segment_(shared.catalogue, shared.limits),
      gunzip_(shared.gzip),
      latency_buckets_(IngestMetrics::ack_latency_bounds().size() + 1) {
    refresh_sources();
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
    refresh_sources();
    std::string headers = cors_headers(*sources_, request);
    auto reply = answer(request, id, now, headers);
    if (!reply) return reply;
    reply->headers += headers;
    return count(*std::move(reply));
}

std::string Intake::refuse(int status, const Request& seen) {
    refresh_sources();
    count_request(status);
    return cors_headers(*sources_, seen);
}

void Intake::refresh_sources() {
    const std::uint64_t version = shared_.sources.version();
    if (version == sources_version_) return;
    known_authorizations_.clear();
    sources_ = shared_.sources.table();
    sources_version_ = version;
}

std::optional<Reply> Intake::answer(Request& request, RequestId id, Clock::time_point now,
                                    std::string& headers) {
    const auto route = route_of(request.path);
    if (!route) return problem(404, "not_found", "there is nothing at this address");
    const std::string_view methods = allowed_methods(route->endpoint);
    if (request.method == Method::options) return preflight_reply(request, methods);
    if (!allows(route->endpoint, request.method)) {
        Reply reply = problem(405, "method_not_allowed", "allowed here: " + std::string(methods));
        reply.headers = "Allow: " + std::string(methods) + "\r\n";
        return reply;
    }
    Call call{request, *route, Query(request.query), id, now, headers};
    switch (route->endpoint) {
        case Endpoint::events: return answer_events(call);
        case Endpoint::pixel: return answer_pixel(call);
        case Endpoint::sdk_metrics: return answer_sdk_metrics();
        case Endpoint::sdk_settings: return answer_sdk_settings(call);
        case Endpoint::source_config: return answer_source_config(call);
        case Endpoint::health: {
            Reply reply;
            reply.headers = "Cache-Control: no-store\r\n";
            reply.body = R"({"status":"ok"})";
            return reply;
        }
        case Endpoint::page:
            headers.clear();  // public, with headers of its own
            return page_reply(*route->page);
    }
    return std::nullopt;
}

std::optional<Reply> Intake::answer_events(Call& call) {
    if (!may_be_json(call.request.content_type)) {
        return problem(415, "unsupported_media_type", "must be application/json or text/plain",
                       "Content-Type");
    }
    if (const auto atomic = call.query.find("atomic")) {
        if (*atomic != "true" && *atomic != "false")
            return problem(400, "invalid_query", "must be true or false", "atomic");
        call.atomic = *atomic == "true";
    }
    // Before the body is unpacked or parsed: a stranger's body costs nothing.
    if (auto refusal = find_source(call)) return refusal;
    if (call.source != nullptr) {
        if (auto refusal = let_in(call)) return refusal;
    }
    if (auto refusal = unpack(call.request)) return refusal;
    return take_events(call);
}

std::optional<Reply> Intake::answer_pixel(Call& call) {
    if (auto refusal = find_source(call)) return refusal;
    if (call.source == nullptr) return unauthorized("missing_write_key", missing_key);
    if (auto refusal = let_in(call)) return refusal;
    auto body = pixel_body(call.query);
    if (const auto* rejection = std::get_if<Rejection>(&body)) return refuse_body(*rejection, call);
    call.request.body = std::get<std::string>(std::move(body));
    return take_events(call);
}

Reply Intake::answer_sdk_settings(const Call& call) {
    const std::string key = percent_decode(call.route.parameter, false);
    const LiveSource* source = sources_->find(key, activity::now());
    if (source == nullptr) return problem(404, "not_found", unknown_key);
    if (!source->source->enabled) return problem(403, "source_disabled", "this source is switched off");
    const Request& request = call.request;
    // Perhaps the proxy only handed on what its client wrote there: no other word than this is believed.
    const bool is_https = request.forwarded_protocol == "https" && shared_.proxies.holds(request.peer);
    Reply reply;
    reply.headers = "Cache-Control: public, max-age=60\r\n";
    if (request.origin.empty()) reply.headers += "Vary: Origin\r\n";
    reply.body = segment_settings(key, request.host, is_https ? "https" : "http");
    return reply;
}

Reply Intake::answer_source_config(Call& call) {
    if (auto refusal = find_source(call)) return *std::move(refusal);
    if (call.source == nullptr) return unauthorized("missing_write_key", missing_key);
    Reply reply;
    reply.headers = "Cache-Control: no-store\r\n";
    reply.body = rudder_source_config(*call.source->source);
    return reply;
}

Reply Intake::answer_sdk_metrics() {
    shared_.metrics.sdk_metrics.Increment();
    Reply reply;
    reply.body = R"({"success":true})";
    return reply;
}

/// By the header or the query, if one of them has a key; the body's is known only after it was read.
std::optional<Reply> Intake::find_source(Call& call) {
    if (!call.request.authorization.empty()) {
        call.source = source_of_authorization(call.request.authorization);
    } else if (const auto key = call.query.find("writeKey")) {
        call.source = sources_->find(*key, activity::now());
    } else {
        return std::nullopt;
    }
    if (call.source == nullptr) return unauthorized("invalid_write_key", unknown_key);
    return std::nullopt;
}

const LiveSource* Intake::source_of_authorization(const std::string& authorization) {
    if (const auto known = known_authorizations_.find(authorization); known != known_authorizations_.end()) {
        return known->second;
    }
    constexpr std::string_view basic = "basic ";
    constexpr std::string_view bearer = "bearer ";
    const std::string_view view(authorization);
    const LiveSource* source = nullptr;
    if (starts_with_no_case(view, basic)) {
        const auto credentials = decode_base64(view.substr(basic.size()));
        if (!credentials) return nullptr;
        source =
            sources_->find(std::string_view(*credentials).substr(0, credentials->find(':')), activity::now());
    } else if (starts_with_no_case(view, bearer)) {
        source = sources_->find(view.substr(bearer.size()), activity::now());
    }
    // Only good ones are remembered: a stranger cannot fill the memory.
    if (source != nullptr && known_authorizations_.size() < known_authorizations_max) {
        known_authorizations_.emplace(authorization, source);
    }
    return source;
}

/// Whether the source may send this now.
std::optional<Reply> Intake::let_in(Call& call) {
    const Source& source = *call.source->source;
    if (!source.enabled) return problem(403, "source_disabled", "this source is switched off");
    if (!may_send(source, call.request)) {
        return problem(403, "origin_not_allowed", "this source takes no events from pages of this origin",
                       "Origin");
    }
    SourceState& state = *call.source->state;
    if (state.bucket.has_token(call.now)) return std::nullopt;
    state.rate_limited.Increment();
    return too_many(state.bucket.state(call.now));
}

std::optional<Reply> Intake::unpack(Request& request) {
    const std::string_view encoding = request.content_encoding;
    const bool says_gzip = starts_with_no_case(encoding, "gzip") && encoding.size() == 4;
    if (!says_gzip && !encoding.empty() && encoding != "identity") {
        Reply reply = problem(415, "unsupported_encoding", "must be gzip or identity", "Content-Encoding");
        reply.headers = "Accept-Encoding: gzip\r\n";
        return reply;
    }
    if (!says_gzip && !looks_like_gzip(request.body)) return std::nullopt;
    auto unpacked = gunzip_.unpack(request.body);
    if (const auto* error = std::get_if<GzipError>(&unpacked)) {
        if (*error == GzipError::too_large)
            return problem(413, "body_too_large_unpacked", "the body unpacks to more than this server takes");
        return problem(400, "malformed_gzip", "the body is not one whole gzip stream");
    }
    request.body = std::get<std::string>(std::move(unpacked));
    return std::nullopt;
}

std::optional<Reply> Intake::take_events(Call& call) {
    if (auto rejection = segment_.read(call.request.body)) {
        if (call.source == nullptr) return unauthorized("missing_write_key", missing_key);
        return refuse_body(*rejection, call);
    }
    const Timestamp received_at = activity::now();
    if (call.source == nullptr) {
        if (segment_.write_key().empty()) return unauthorized("missing_write_key", missing_key);
        call.source = sources_->find(segment_.write_key(), received_at);
        if (call.source == nullptr) return unauthorized("invalid_write_key", unknown_key);
        if (auto refusal = let_in(call)) return refusal;
    }
    const std::string address = address_kept(call.request);
    const Arrival arrival{*call.source->source, received_at, address, unquoted(call.request.idempotency_key)};
    auto read = segment_.verdicts(call.route.call, arrival);
    if (const auto* rejection = std::get_if<Rejection>(&read)) return refuse_body(*rejection, call);
    auto& verdicts = std::get<std::vector<Verdict>>(read);
    TokenBucket& bucket = call.source->state->bucket;
    if (bucket.is_limited()) {
        bucket.take(verdicts.size(), call.now);
        append_rate_headers(call.headers, bucket.state(call.now));
    }
    apply_drop_rules(verdicts, *call.source);
    Tally sums = tally(verdicts);
    if (call.atomic && sums.rejected > 0) {
        refuse_the_others(verdicts);
        sums = {0, verdicts.size(), 0};
    }
    tell_of_rejections(verdicts, call, received_at);
    return publish(verdicts, sums, call);
}

Reply Intake::refuse_body(const Rejection& rejection, const Call& call) {
    call.source->state->bucket.take(1, call.now);
    shared_.metrics.rejected(rejection.reason, call.source->state->name).Increment();
    return refused_body(rejection);
}

std::string Intake::address_kept(const Request& request) const {
    if (shared_.limits.address == AddressKept::none) return {};
    const ClientAddress client = shared_.proxies.client(request.peer, request.forwarded_for);
    if (client == ClientAddress()) return {};
    return shared_.limits.address == AddressKept::full ? client.text() : client.truncated().text();
}

void Intake::apply_drop_rules(std::vector<Verdict>& verdicts, const LiveSource& source) {
    if (source.rules.empty()) return;
    for (Verdict& verdict : verdicts) {
        const ActivityEvent* event = verdict.event();
        if (event == nullptr) continue;
        const DropRule* rule = source.drop_rule(event->activity, event->learner());
        if (rule == nullptr) continue;
        shared_.metrics.dropped(source.state->name, rule->activity).Increment();
        verdict.unaccepted_id = event->message_id;
        verdict.outcome = Dropped{};
        verdict.redacted.clear();
    }
}

void Intake::tell_of_rejections(const std::vector<Verdict>& verdicts, const Call& call,
                                Timestamp received_at) {
    const SourceState& source = *call.source->state;
    for (const Verdict& verdict : verdicts) {
        if (const Rejection* rejection = verdict.rejection()) {
            shared_.metrics.rejected(rejection->reason, source.name).Increment();
        } else if (const ActivityEvent* event = verdict.event()) {
            for (const Mark mark : event->marks) source.marked[static_cast<std::size_t>(mark)]->Increment();
        }
        if (!verdict.redacted.empty()) shared_.rejected.publish(verdict, source.name, received_at, call.now);
    }
}

std::optional<Reply> Intake::publish(const std::vector<Verdict>& verdicts, const Tally& tally, Call& call) {
    const bool is_pixel = call.route.endpoint == Endpoint::pixel;
    if (tally.accepted == 0) {
        if (is_pixel && tally.rejected == 0) return pixel_reply();
        Reply reply;
        // Nothing is stored, so this is no 202; where a drop rule took everything, nothing is wrong either.
        reply.status = tally.rejected > 0 ? 400 : 200;
        reply.body = verdicts_json(verdicts, tally);
        return reply;
    }

    const std::uint32_t place = take_place();
    const wire::Ticket ticket = ticket_base_ | place;
    std::uint32_t queued = 0;
    bool full = false;
    for (const Verdict& verdict : verdicts) {
        const ActivityEvent* event = verdict.event();
        if (event == nullptr) continue;
        const Destination& to = destination(verdict);
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
        request.id = call.id;
        request.source = call.source->state;
        request.form = is_pixel ? ReplyForm::pixel : ReplyForm::verdicts;
        request.headers = call.headers;
        request.events = queued;
        request.answered = full;
        request.failed = false;
        request.started = call.now;
        if (!full) request.body = verdicts_json(verdicts, tally);
    }
    // What was queued before may be stored or not; the client's repeat under the same IDs makes it right.
    if (full) {
        return come_again("queue_full", "too many events are waiting for Kafka; nothing is confirmed",
                          std::chrono::seconds(1));
    }
    return std::nullopt;
}

const Intake::Destination& Intake::destination(const Verdict& verdict) const {
    if (verdict.known == nullptr) return destinations_.back();
    return destinations_[static_cast<std::size_t>(verdict.known - shared_.catalogue.activities().data())];
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
    Reply reply;
    if (request.failed) {
        reply = come_again("not_confirmed",
                           "Kafka did not confirm the events; send them again under the same message IDs",
                           std::chrono::seconds(5));
    } else {
        observe_latency(now - request.started);
        request.source->accepted.Increment(request.events);
        if (request.form == ReplyForm::pixel) {
            reply = pixel_reply();
        } else {
            reply.status = 202;
            reply.body = std::move(request.body);
        }
    }
    reply.headers += request.headers;
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
