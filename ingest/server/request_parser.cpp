#include "ingest/server/request_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <optional>
#include <string>

namespace activity::ingest {
namespace {

namespace http = boost::beast::http;

/// A chunk's header or a trailer that does not fit here is an attack.
constexpr std::size_t chunk_header_bytes_max = 4 * 1024;
/// simdjson reads past the end of a text.
constexpr std::size_t body_padding_bytes = 64;
constexpr std::size_t body_reserve_bytes_max = 64 * 1024;

constexpr ProtocolError malformed{400, "malformed_request", "the request is not valid HTTP/1.1"};

Method method_of(http::verb verb) {
    switch (verb) {
        case http::verb::get: return Method::get;
        case http::verb::head: return Method::head;
        case http::verb::post: return Method::post;
        case http::verb::put: return Method::put;
        case http::verb::patch: return Method::patch;
        case http::verb::delete_: return Method::del;
        case http::verb::options: return Method::options;
        default: return Method::other;
    }
}

ProtocolError error_of(const boost::beast::error_code& code) {
    if (code == http::error::body_limit) {
        return {413, "body_too_large", "the body is larger than this server takes"};
    }
    if (code == http::error::header_limit) {
        return {431, "header_too_large", "the header is larger than this server takes"};
    }
    return malformed;
}

std::string text(boost::beast::string_view view) {
    return {view.data(), view.size()};
}

bool is_digits(boost::beast::string_view value) {
    return !value.empty() &&
           std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Characters of RFC 3986's host and port. What is not of them would find its way into what we answer.
bool is_host(std::string_view host) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("-._~%!$&'()*+,;=:[]").find(c) != std::string_view::npos;
    };
    return std::all_of(host.begin(), host.end(), allowed);
}

/// Path and query of the target; nothing if it has a form that no client sends to an origin server.
std::optional<std::string_view> origin_form(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!target.starts_with(scheme)) continue;
        target.remove_prefix(scheme.size());
        const std::size_t path = target.find('/');
        return path == std::string_view::npos ? std::string_view("/") : target.substr(path);
    }
    if (target.starts_with('/') || target == "*") return target;
    return std::nullopt;
}

}  // namespace

/// Beast's grammar with nothing kept but what the front door looks at: no allocation for the rest of a
/// header. Trailers come as fields too, and are passed over: what stands behind a body cannot say whose it
/// is.
class RequestParser::Beast final : public http::basic_parser<true> {
  public:
    explicit Beast(const ServerLimits& limits) {
        eager(true);
        header_limit(static_cast<std::uint32_t>(limits.header_bytes_max));
        body_limit(limits.body_bytes_max);
    }

    Request request;
    std::string target;
    int version = 0;
    int hosts = 0;
    int lengths = 0;
    int encodings = 0;
    bool length_is_decimal = true;
    bool is_chunked = true;
    bool expects_continue = false;
    bool expects_other = false;

  private:
    using View = boost::beast::string_view;
    using Error = boost::beast::error_code;

    void on_request_impl(http::verb method, View /*method_text*/, View target_text, int version_number,
                         Error& /*error*/) override {
        request.method = method_of(method);
        target = text(target_text);
        version = version_number;
    }

    void on_field_impl(http::field name, View name_text, View value, Error& /*error*/) override {
        if (is_header_done()) return;
        switch (name) {
            case http::field::host:
                ++hosts;
                request.host = text(value);
                break;
            case http::field::content_length:
                ++lengths;
                length_is_decimal = is_digits(value);
                break;
            case http::field::transfer_encoding:
                ++encodings;
                is_chunked = boost::beast::iequals(value, "chunked");
                break;
            case http::field::expect:
                (boost::beast::iequals(value, "100-continue") ? expects_continue : expects_other) = true;
                break;
            case http::field::authorization: request.authorization = text(value); break;
            case http::field::content_type: request.content_type = text(value); break;
            case http::field::content_encoding: append(request.content_encoding, value); break;
            case http::field::origin: request.origin = text(value); break;
            case http::field::access_control_request_method: request.preflight_method = text(value); break;
            case http::field::unknown: take_unregistered(name_text, value); break;
            default: break;
        }
    }

    /// Names that Beast has no number for.
    void take_unregistered(View name, View value) {
        if (boost::beast::iequals(name, "x-forwarded-for")) {
            append(request.forwarded_for, value);
        } else if (boost::beast::iequals(name, "x-forwarded-proto")) {
            request.forwarded_protocol = text(value);
        } else if (boost::beast::iequals(name, "idempotency-key")) {
            request.idempotency_key = text(value);
        }
    }

    /// A header that comes twice is one list (RFC 9110, section 5.2).
    static void append(std::string& list, View value) {
        if (!list.empty()) list += ", ";
        list.append(value.data(), value.size());
    }

    void on_header_impl(Error& /*error*/) override {}

    void on_body_init_impl(const boost::optional<std::uint64_t>& length, Error& /*error*/) override {
        // No more than one read brings: a length that is only announced takes no memory.
        const std::uint64_t first_bytes = std::min<std::uint64_t>(length.value_or(0), body_reserve_bytes_max);
        request.body.reserve(static_cast<std::size_t>(first_bytes) + body_padding_bytes);
    }

    std::size_t on_body_impl(View body, Error& /*error*/) override {
        request.body.append(body.data(), body.size());
        return body.size();
    }

    void on_chunk_header_impl(std::uint64_t /*size*/, View /*extensions*/, Error& /*error*/) override {}

    std::size_t on_chunk_body_impl(std::uint64_t /*remaining*/, View body, Error& error) override {
        return on_body_impl(body, error);
    }

    void on_finish_impl(Error& /*error*/) override {}

    void on_response_impl(int /*status*/, View /*reason*/, int /*version*/, Error& /*error*/) override {}
};

RequestParser::RequestParser(const ServerLimits& limits)
    : limits_(limits), beast_(std::make_unique<Beast>(limits)) {}

RequestParser::~RequestParser() = default;

RequestParser::Progress RequestParser::put(std::string_view bytes) {
    Progress progress;
    if (!has_header_) {
        progress.error = put_header(bytes, progress);
        if (progress.error || !has_header_) return progress;
    }
    progress.error = put_body(bytes.substr(progress.used), progress);
    return progress;
}

std::optional<ProtocolError> RequestParser::put_header(std::string_view bytes, Progress& progress) {
    // One empty line before a request is forgiven (RFC 9112, section 2.2): old clients end a body with it.
    if (bytes == "\r") return std::nullopt;  // perhaps half of it
    const std::size_t skipped = bytes.starts_with("\r\n") ? 2 : 0;
    // What is beyond the limit is not looked at: how much of it has come already must not decide.
    const std::string_view header = bytes.substr(skipped, limits_.header_bytes_max + 1);

    std::size_t line_feed = header.find('\n', scanned_);
    for (; line_feed != std::string_view::npos; line_feed = header.find('\n', line_feed + 1)) {
        if (line_feed == 0 || header[line_feed - 1] != '\r') return malformed;
        const bool is_last = line_feed >= 3 && header[line_feed - 2] == '\n';
        if (is_last) break;
        if (line_feed + 1 == header.size()) break;
        const char next = header[line_feed + 1];
        if (next == ' ' || next == '\t') return malformed;  // a folded line
    }
    const bool complete =
        line_feed != std::string_view::npos && line_feed >= 3 && header[line_feed - 2] == '\n';
    const std::size_t header_bytes = complete ? line_feed + 1 : header.size();
    if (header_bytes > limits_.header_bytes_max) {
        return ProtocolError{431, "header_too_large", "the header is larger than this server takes"};
    }
    if (!complete) {
        // The last line feed is looked at again: what follows it decides whether the next line is a folded
        // one.
        scanned_ = line_feed == std::string_view::npos ? header.size() : line_feed;
        return std::nullopt;
    }

    boost::beast::error_code error;
    const std::size_t used = beast_->put(boost::asio::buffer(header.data(), header_bytes), error);
    if (error && error != http::error::need_more) return error_of(error);
    if (used != header_bytes || !beast_->is_header_done()) return malformed;
    progress.used = skipped + header_bytes;
    has_header_ = true;
    scanned_ = 0;
    if (auto refused = check_header()) return refused;

    // HTTP/1.0 knows no 100: its client would take it for the answer (RFC 9110, section 10.1.1).
    progress.wants_continue = beast_->expects_continue && beast_->version != 10 && !beast_->is_done() &&
                              bytes.size() == progress.used;
    return std::nullopt;
}

std::optional<ProtocolError> RequestParser::check_header() {
    const bool is_1_0 = beast_->version == 10;
    if (!is_1_0 && beast_->version != 11) return malformed;
    // HTTP/1.0 has no persistent connections but by an extension that we do not offer.
    keep_alive_ = !is_1_0 && beast_->keep_alive();
    if (beast_->hosts > 1 || (!is_1_0 && beast_->hosts == 0)) {
        return ProtocolError{400, "malformed_request", "there must be exactly one Host"};
    }
    if (!is_host(beast_->request.host)) {
        return ProtocolError{400, "malformed_request",
                             "Host must be a name or an address, with or without port"};
    }
    if (beast_->lengths > 1 || !beast_->length_is_decimal) {
        return ProtocolError{400, "malformed_request", "Content-Length must be one decimal number"};
    }
    if (beast_->encodings > 0 &&
        (is_1_0 || beast_->encodings > 1 || beast_->lengths > 0 || !beast_->is_chunked)) {
        return ProtocolError{400, "malformed_request",
                             "Transfer-Encoding may only be chunked, without Content-Length"};
    }
    if (beast_->expects_other)
        return ProtocolError{417, "expectation_failed", "Expect may only be 100-continue"};
    const auto target = origin_form(beast_->target);
    if (!target) return malformed;
    const std::size_t question = target->find('?');
    beast_->request.path = target->substr(0, question);
    if (question != std::string_view::npos) beast_->request.query = target->substr(question + 1);
    return std::nullopt;
}

std::optional<ProtocolError> RequestParser::put_body(std::string_view bytes, Progress& progress) {
    Beast& parser = *beast_;
    while (!parser.is_done() && !bytes.empty()) {
        boost::beast::error_code error;
        // Having seen a last chunk that is the first one, Beast must not see it again without its fifth byte:
        // it asserts that it has it.
        if (parser.encodings > 0 && bytes.size() == 4 && bytes.starts_with("0\r\n")) break;
        // A chunk's header must fit whole: however the bytes come, the same one is too long.
        const std::string_view window =
            parser.encodings > 0 ? bytes.substr(0, chunk_header_bytes_max) : bytes;
        const std::size_t used = parser.put(boost::asio::buffer(window.data(), window.size()), error);
        progress.used += used;
        bytes.remove_prefix(used);
        if (error && error != http::error::need_more) return error_of(error);
        if (used > 0) continue;
        if (window.size() == chunk_header_bytes_max) return malformed;
        break;
    }
    progress.complete = parser.is_done();
    return std::nullopt;
}

const Request& RequestParser::seen() const {
    return beast_->request;
}

Request RequestParser::take() {
    Request request = std::move(beast_->request);
    beast_ = std::make_unique<Beast>(limits_);
    has_header_ = false;
    return request;
}

}  // namespace activity::ingest
