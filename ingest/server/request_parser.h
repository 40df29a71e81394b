#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "ingest/server/http.h"

namespace activity::ingest {

/// Bytes to requests, strictly: whatever two readers could take for two different requests is an error.
/// Boost.Beast's parser does the grammar; on top of it come the rules that it leaves open (bare line feeds,
/// folded lines, repeated Content-Length and Host, any Transfer-Encoding but `chunked`; RFC 9112, sections
/// 2.2, 3.2, 5.2, 6). No I/O. One connection's.
class RequestParser {
  public:
    struct Progress {
        std::size_t used = 0;         ///< bytes taken off the front; the caller keeps the rest
        bool complete = false;        ///< take() has a request
        bool wants_continue = false;  ///< the client waits for 100 before it sends the body; told once
        std::optional<ProtocolError> error;
    };

    explicit RequestParser(const ServerLimits& limits);
    ~RequestParser();
    RequestParser(const RequestParser&) = delete;
    RequestParser& operator=(const RequestParser&) = delete;

    /// `bytes`: what was not used the last time, and what has come since.
    Progress put(std::string_view bytes);
    /// The request that is complete. The parser is ready for the next one.
    Request take();

    /// What has come so far of the header of the request that is not complete.
    const Request& seen() const;
    bool has_header() const { return has_header_; }
    /// Of the request that has its header: whether the client will send another one.
    bool keep_alive() const { return keep_alive_; }

  private:
    class Beast;
    std::optional<ProtocolError> put_header(std::string_view bytes, Progress& progress);
    std::optional<ProtocolError> check_header();
    std::optional<ProtocolError> put_body(std::string_view bytes, Progress& progress);

    const ServerLimits& limits_;
    std::unique_ptr<Beast> beast_;
    std::size_t scanned_ = 0;  ///< bytes of an incomplete header that hold no error and no end
    bool has_header_ = false;
    bool keep_alive_ = true;
};

}  // namespace activity::ingest
