#include "ingest/replies.h"

#include "schemas/activity/json.h"

namespace activity::ingest {
namespace {

/// The smallest GIF89a that is transparent.
constexpr char pixel[] =
    "GIF89a\x01\0\x01\0\x80\0\0\0\0\0\0\0\0\x21\xf9\x04\x01\0\0\0\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01"
    "\0\x3b";

void append_text_member(std::string& out, std::string_view name, std::string_view text) {
    out += ",\"";
    out += name;
    out += "\":";
    json::append_string(out, text);
}

void append_warnings(std::string& out, const std::vector<Warning>& warnings) {
    if (warnings.empty()) return;
    out += R"(,"warnings":[)";
    for (const Warning& warning : warnings) {
        if (&warning != &warnings.front()) out += ',';
        out += R"({"code":")";
        out += to_string(warning.mark);
        out += '"';
        append_text_member(out, "field", warning.field);
        append_text_member(out, "message", warning.message);
        out += '}';
    }
    out += ']';
}

void append_result(std::string& out, const Verdict& verdict) {
    out += R"({"messageId":)";
    const std::string_view id = verdict.message_id();
    if (id.empty()) {
        out += "null";
    } else {
        json::append_string(out, id);
    }
    if (const Rejection* rejection = verdict.rejection()) {
        out += R"(,"status":"rejected","code":")";
        out += to_string(rejection->reason);
        out += '"';
        append_text_member(out, "field", rejection->field);
        append_text_member(out, "message", rejection->message);
    } else if (verdict.event() == nullptr) {
        out +=
            R"(,"status":"dropped","code":"drop_rule","message":"this source does not want this activity")";
    } else {
        out += R"(,"status":"accepted")";
        append_warnings(out, verdict.warnings);
    }
    out += '}';
}

}  // namespace

Tally tally(std::span<const Verdict> verdicts) {
    Tally tally;
    for (const Verdict& verdict : verdicts) {
        if (verdict.event() != nullptr) {
            ++tally.accepted;
        } else if (verdict.rejection() != nullptr) {
            ++tally.rejected;
        } else {
            ++tally.dropped;
        }
    }
    return tally;
}

std::string verdicts_json(std::span<const Verdict> verdicts, const Tally& tally) {
    std::string out;
    out.reserve(64 + 80 * verdicts.size());
    out += R"({"accepted":)";
    out += std::to_string(tally.accepted);
    out += R"(,"rejected":)";
    out += std::to_string(tally.rejected);
    if (tally.dropped > 0) {
        out += R"(,"dropped":)";
        out += std::to_string(tally.dropped);
    }
    if (tally.accepted == 0) {
        for (const Verdict& verdict : verdicts) {
            const Rejection* rejection = verdict.rejection();
            if (rejection == nullptr) continue;
            append_text_member(out, "code", to_string(rejection->reason));
            append_text_member(
                out, "message",
                rejection->field.empty() ? rejection->message : rejection->field + ": " + rejection->message);
            break;
        }
    }
    out += R"(,"results":[)";
    for (const Verdict& verdict : verdicts) {
        if (&verdict != &verdicts.front()) out += ',';
        append_result(out, verdict);
    }
    out += "]}";
    return out;
}

Reply refused_body(const Rejection& rejection) {
    Verdict verdict;
    verdict.outcome = rejection;
    Reply reply;
    reply.status = 400;
    reply.body = verdicts_json({&verdict, 1}, {0, 1, 0});
    return reply;
}

Reply unauthorized(std::string_view code, std::string_view detail) {
    Reply reply = problem(401, code, detail);
    reply.headers = "WWW-Authenticate: Basic realm=\"activity\", charset=\"UTF-8\"\r\n";
    return reply;
}

Reply come_again(std::string_view code, std::string_view detail, std::chrono::seconds after) {
    Reply reply = problem(503, code, detail);
    reply.headers = "Retry-After: " + std::to_string(after.count()) + "\r\n";
    return reply;
}

Reply too_many(const RateState& rate) {
    Reply reply =
        problem(429, "rate_limited",
                "this source has sent more events than its rate allows; send them again later, under "
                "the same message IDs");
    reply.headers = "Retry-After: " + std::to_string(rate.retry_after.count()) + "\r\n";
    append_rate_headers(reply.headers, rate);
    return reply;
}

void append_rate_headers(std::string& headers, const RateState& rate) {
    headers += "X-RateLimit-Limit: " + std::to_string(rate.limit) + "\r\n";
    headers += "X-RateLimit-Remaining: " + std::to_string(rate.remaining) + "\r\n";
    headers += "X-RateLimit-Reset: " + std::to_string(rate.reset.count()) + "\r\n";
}

Reply pixel_reply() {
    Reply reply;
    reply.content_type = "image/gif";
    reply.headers = "Cache-Control: no-store\r\n";
    reply.body.assign(pixel, sizeof pixel - 1);
    return reply;
}

}  // namespace activity::ingest
