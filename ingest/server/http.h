#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "ingest/server/client_address.h"

namespace activity::ingest {

enum class Method { get, head, post, put, patch, del, options, other };

/// One request, complete and checked. Holds what the front door looks at, nothing else.
struct Request {
    Method method = Method::other;
    std::string path;   ///< target before '?'
    std::string query;  ///< target after '?', "" if none
    std::string authorization;
    std::string content_type;
    std::string content_encoding;
    std::string host;
    std::string origin;            ///< "" unless a browser says which page asks
    std::string preflight_method;  ///< Access-Control-Request-Method
    std::string idempotency_key;
    std::string forwarded_for;       ///< to be believed only from a trusted proxy
    std::string forwarded_protocol;  ///< likewise
    ClientAddress peer;              ///< who is connected: the client or a proxy
    std::string body;
};

/// What is answered. Content-Length, Date and Connection are the connection's business.
struct Reply {
    int status = 200;
    std::string_view content_type = "application/json";
    std::string headers;  ///< further header lines, each ending in CRLF
    std::string body;
    bool close = false;  ///< the connection may carry no other request
};

/// A request that cannot be answered but with an error, after which the connection is closed: where the next
/// request begins is not certain any more.
struct ProtocolError {
    int status = 400;
    std::string_view code;
    std::string_view message;
};

/// What a client may use up. Times are of one request; a client that drips bytes does not prolong them.
struct ServerLimits {
    std::size_t header_bytes_max = 8 * 1024;
    std::size_t body_bytes_max = 512'000;  ///< Segment's 500 KB a batch
    std::chrono::milliseconds header_timeout{10'000};
    std::chrono::milliseconds body_timeout{30'000};
    std::chrono::milliseconds idle_timeout{75'000};
    std::chrono::milliseconds write_timeout{10'000};
    std::chrono::milliseconds linger_timeout{2'000};  ///< reading on after the last reply, so that it arrives
    std::size_t connections_max = 20'000;
};

/// The reason phrase of a status.
std::string_view status_text(int status);

/// Appends the reply as HTTP/1.1 bytes. `head`: without its body, as HEAD wants it.
void append_reply(std::string& out, const Reply& reply, bool close, bool head);

/// An error that is not about one event, as RFC 9457 problem details. `message` says what `detail` says: SDKs
/// show that member to their users.
Reply problem(int status, std::string_view code, std::string_view detail, std::string_view field = {});

}  // namespace activity::ingest
