#include "ingest/cors.h"

namespace activity::ingest {
namespace {

/// What the browser SDKs of Segment and RudderStack send beyond the safelisted headers, first tries and
/// retries (seen on the wire; ingest/tests/sdks), and what our own API reads.
constexpr std::string_view allowed_headers =
    "authorization, content-type, content-encoding, idempotency-key, anonymousid, sentat, x-retry-count, "
    "rsa-retry-attempt, rsa-since-last-attempt, rsa-since-first-attempt, rsa-retry-reason, rsa-recovered";

constexpr std::string_view exposed_headers =
    "Access-Control-Expose-Headers: retry-after, x-ratelimit-limit, x-ratelimit-remaining, "
    "x-ratelimit-reset\r\n";

/// The longest that a browser keeps it: Chromium two hours, Firefox a day.
constexpr std::string_view max_age_s = "86400";

}  // namespace

bool is_own_origin(std::string_view origin, std::string_view host) {
    const std::size_t scheme_end = origin.find("://");
    return !host.empty() && scheme_end != std::string_view::npos && origin.substr(scheme_end + 3) == host;
}

bool may_send(const Source& source, const Request& request) {
    return request.origin.empty() || takes_any_origin(source) || lists_origin(source, request.origin) ||
           is_own_origin(request.origin, request.host);
}

std::string cors_headers(const SourceTable& table, const Request& request) {
    if (request.origin.empty()) return {};
    std::string lines;
    switch (table.answer_to(request.origin)) {
        case OriginAnswer::none: break;
        case OriginAnswer::any:
            // Never together with credentials: any page could then send with a user's cookies of this host.
            lines = "Access-Control-Allow-Origin: *\r\n";
            lines += exposed_headers;
            break;
        case OriginAnswer::listed:
            // sendBeacon() asks with credentials; we have no cookies, but without this it sends nothing.
            lines = "Access-Control-Allow-Origin: " + request.origin + "\r\n";
            lines += "Access-Control-Allow-Credentials: true\r\n";
            lines += exposed_headers;
            break;
    }
    lines += "Vary: Origin\r\n";
    return lines;
}

Reply preflight_reply(const Request& request, std::string_view allowed_methods) {
    Reply reply;
    reply.status = 204;
    reply.headers = "Allow: " + std::string(allowed_methods) + "\r\n";
    if (request.origin.empty() || request.preflight_method.empty()) return reply;
    reply.headers += "Access-Control-Allow-Methods: " + std::string(allowed_methods) + "\r\n";
    reply.headers += "Access-Control-Allow-Headers: " + std::string(allowed_headers) + "\r\n";
    reply.headers += "Access-Control-Max-Age: " + std::string(max_age_s) + "\r\n";
    return reply;
}

}  // namespace activity::ingest
