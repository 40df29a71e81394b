#include "loadtest/client/response_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <charconv>
#include <stdexcept>

namespace activity::loadtest {
namespace {

/// Of a body that is kept; a verdict for each of a thousand events has about 100 KB.
constexpr std::size_t body_bytes_max = 8 * 1'048'576;

}  // namespace

ResponseParser::ResponseParser() {
    eager(true);
    body_limit(body_bytes_max);
}

std::size_t ResponseParser::take(std::string_view bytes) {
    // Beast takes a head only as a whole: what it leaves comes again, with what follows.
    const bool had_some = !left_.empty();
    if (had_some) left_.append(bytes);
    std::string_view rest = had_some ? std::string_view(left_) : bytes;
    while (!is_done() && !rest.empty()) {
        Error error;
        const auto used = put(boost::asio::const_buffer(rest.data(), rest.size()), error);
        rest.remove_prefix(used);
        if (error == boost::beast::http::error::need_more) break;
        if (error) throw std::runtime_error("no HTTP response: " + error.message());
        if (used == 0) break;
    }
    if (is_done()) return bytes.size() - std::min(rest.size(), bytes.size());
    left_ = std::string(rest);
    return bytes.size();
}

bool ResponseParser::end() {
    Error error;
    if (!is_done() && got_some()) put_eof(error);
    response_.keep_alive = false;
    return is_done() && !error;
}

void ResponseParser::on_response_impl(int code, Text, int, Error&) {
    response_.status = static_cast<unsigned>(code);
}

void ResponseParser::on_field_impl(Field name, Text, Text value, Error&) {
    if (name != Field::retry_after) return;
    std::uint32_t seconds = 0;
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (failure == std::errc() && end == value.data() + value.size()) response_.retry_after_s = seconds;
}

void ResponseParser::on_body_init_impl(const boost::optional<std::uint64_t>& length, Error&) {
    if (length)
        response_.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*length, body_bytes_max)));
}

std::size_t ResponseParser::on_body_impl(Text body, Error&) {
    response_.body.append(body.data(), body.size());
    return body.size();
}

std::size_t ResponseParser::on_chunk_body_impl(std::uint64_t, Text body, Error&) {
    response_.body.append(body.data(), body.size());
    return body.size();
}

void ResponseParser::on_finish_impl(Error&) {
    response_.keep_alive = keep_alive();
}

}  // namespace activity::loadtest
