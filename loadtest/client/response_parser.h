#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace activity::loadtest {

struct Response {
    unsigned status = 0;
    std::optional<std::uint32_t> retry_after_s;
    bool keep_alive = true;
    std::string body;
};

/// Reads one HTTP/1.1 response as its bytes come: Beast's parser, keeping of a header only what a load test
/// looks at.
class ResponseParser : public boost::beast::http::basic_parser<false> {
  public:
    ResponseParser();

    /// Takes what is there, which may be more than this response: how many bytes were this one's. Throws
    /// std::runtime_error if it is no HTTP.
    std::size_t take(std::string_view bytes);
    /// The connection ended: whether the response is whole.
    bool end();
    Response& response() { return response_; }

  private:
    using Error = boost::beast::error_code;
    using Text = boost::beast::string_view;
    using Field = boost::beast::http::field;

    void on_request_impl(boost::beast::http::verb, Text, Text, int, Error&) override {}
    void on_response_impl(int code, Text reason, int version, Error& error) override;
    void on_field_impl(Field name, Text name_text, Text value, Error& error) override;
    void on_header_impl(Error&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, Error& error) override;
    std::size_t on_body_impl(Text body, Error& error) override;
    void on_chunk_header_impl(std::uint64_t, Text, Error&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t remain, Text body, Error& error) override;
    void on_finish_impl(Error& error) override;

    Response response_;
    std::string left_;
};

}  // namespace activity::loadtest
