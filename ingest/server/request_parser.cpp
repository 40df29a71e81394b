#include "ingest/server/request_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>

namespace activity::ingest {
namespace {

namespace http = boost::beast::http;

/// A chunk's header or a trailer that does not fit here is an attack.
constexpr std::size_t chunk_header_bytes_max = 4 * 1024;

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

std::string text(boost::beast::string_view view) { return {view.data(), view.size()}; }

bool is_digits(boost::beast::string_view value) {
    return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
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

class RequestParser::Beast {
  public:
    explicit Beast(const ServerLimits& limits) : limits_(limits) { renew(); }

    http::request_parser<http::string_body>& parser() { return *parser_; }
    const http::fields& fields() { return parser_->get(); }

    void renew() {
        parser_.emplace();
        parser_->eager(true);
        parser_->header_limit(static_cast<std::uint32_t>(limits_.header_bytes_max));
        parser_->body_limit(limits_.body_bytes_max);
    }

  private:
    const ServerLimits& limits_;
    std::optional<http::request_parser<http::string_body>> parser_;
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
    std::size_t skipped = 0;
    if (bytes.starts_with("\r\n")) skipped = 2;
    const std::string_view header = bytes.substr(skipped);

    std::size_t line_feed = header.find('\n', scanned_);
    for (; line_feed != std::string_view::npos; line_feed = header.find('\n', line_feed + 1)) {
        if (line_feed == 0 || header[line_feed - 1] != '\r') return malformed;
        const bool is_last = line_feed >= 3 && header[line_feed - 2] == '\n';
        if (is_last) break;
        if (line_feed + 1 == header.size()) break;
        const char next = header[line_feed + 1];
        if (next == ' ' || next == '\t') return malformed;  // a folded line
    }
    const bool complete = line_feed != std::string_view::npos && line_feed >= 3 && header[line_feed - 2] == '\n';
    const std::size_t header_bytes = complete ? line_feed + 1 : header.size();
    if (header_bytes > limits_.header_bytes_max) {
        return ProtocolError{431, "header_too_large", "the header is larger than this server takes"};
    }
    if (!complete) {
        // The last line feed is looked at again: what follows it decides whether the next line is a folded one.
        scanned_ = line_feed == std::string_view::npos ? header.size() : line_feed;
        return std::nullopt;
    }

    boost::beast::error_code error;
    const std::size_t used = beast_->parser().put(boost::asio::buffer(header.data(), header_bytes), error);
    if (error && error != http::error::need_more) return error_of(error);
    if (used != header_bytes || !beast_->parser().is_header_done()) return malformed;
    progress.used = skipped + header_bytes;
    has_header_ = true;
    scanned_ = 0;
    if (auto refused = check_header()) return refused;

    const auto expect = beast_->fields().find(http::field::expect);
    if (expect != beast_->fields().end()) {
        if (!boost::beast::iequals(expect->value(), "100-continue")) {
            return ProtocolError{417, "expectation_failed", "Expect may only be 100-continue"};
        }
        progress.wants_continue = !beast_->parser().is_done() && bytes.size() == progress.used;
    }
    return std::nullopt;
}

std::optional<ProtocolError> RequestParser::check_header() {
    const auto& parser = beast_->parser();
    const auto& fields = beast_->fields();
    const bool is_1_0 = parser.get().version() == 10;
    if (!is_1_0 && parser.get().version() != 11) return malformed;
    keep_alive_ = parser.get().keep_alive();

    if (fields.count(http::field::host) > 1 || (!is_1_0 && fields.count(http::field::host) == 0)) {
        return ProtocolError{400, "malformed_request", "there must be exactly one Host"};
    }
    const auto lengths = fields.count(http::field::content_length);
    if (lengths > 1 || (lengths == 1 && !is_digits(fields[http::field::content_length]))) {
        return ProtocolError{400, "malformed_request", "Content-Length must be one decimal number"};
    }
    const auto encodings = fields.count(http::field::transfer_encoding);
    if (encodings > 0 &&
        (is_1_0 || encodings > 1 || lengths > 0 ||
         !boost::beast::iequals(fields[http::field::transfer_encoding], "chunked"))) {
        return ProtocolError{400, "malformed_request", "Transfer-Encoding may only be chunked, without Content-Length"};
    }
    if (!origin_form({parser.get().target().data(), parser.get().target().size()})) return malformed;
    return std::nullopt;
}

std::optional<ProtocolError> RequestParser::put_body(std::string_view bytes, Progress& progress) {
    auto& parser = beast_->parser();
    while (!parser.is_done() && !bytes.empty()) {
        boost::beast::error_code error;
        const std::size_t used = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
        progress.used += used;
        bytes.remove_prefix(used);
        if (error == http::error::need_more || (!error && used == 0)) {
            if (bytes.size() > chunk_header_bytes_max) return malformed;
            break;
        }
        if (error) return error_of(error);
    }
    progress.complete = parser.is_done();
    return std::nullopt;
}

Request RequestParser::take() {
    auto message = beast_->parser().release();
    Request request;
    request.method = method_of(message.method());
    const std::string_view target = *origin_form({message.target().data(), message.target().size()});
    const std::size_t question = target.find('?');
    request.path = target.substr(0, question);
    if (question != std::string_view::npos) request.query = target.substr(question + 1);
    request.authorization = text(message[http::field::authorization]);
    request.content_type = text(message[http::field::content_type]);
    request.content_encoding = text(message[http::field::content_encoding]);
    request.body = std::move(message.body());
    beast_->renew();
    has_header_ = false;
    return request;
}

}  // namespace activity::ingest
