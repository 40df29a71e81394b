#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace activity::harness {

struct Endpoint {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;
    std::string text() const { return host + ":" + std::to_string(port); }
};

/// `127.0.0.1:8080`
Endpoint parse_endpoint(const std::string& text);

struct Response {
    int status = 0;
    std::map<std::string, std::string> headers;  ///< names in lower case
    std::string body;

    bool has(const std::string& name) const { return headers.contains(name); }
    std::string header(const std::string& name) const;  ///< "" if it is not there
};

/// The peer closed or reset the connection, or nobody listens.
class ConnectionLost : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// A TCP connection to a server that is not trusted, by a client that sends whatever bytes it likes.
/// One thread.
class Connection {
  public:
    /// Throws ConnectionLost.
    explicit Connection(const Endpoint& endpoint);
    ~Connection();
    Connection(Connection&& other) noexcept;
    Connection& operator=(Connection&& other) noexcept;

    /// Throws ConnectionLost if they can't all be sent.
    void send(std::string_view bytes);
    /// As many as the kernel takes at once; false once the peer is gone.
    bool try_send(std::string_view& bytes);
    /// Reads one response. Throws ConnectionLost if the connection ends before it is whole, and WaitedInVain.
    Response receive(std::chrono::milliseconds timeout = std::chrono::seconds(60));
    /// Likewise, of a response to HEAD: whatever its Content-Length says, no body follows.
    Response receive_head(std::chrono::milliseconds timeout = std::chrono::seconds(60));
    /// True if the peer ends the connection within that time without one more byte.
    bool ends_within(std::chrono::milliseconds timeout);
    /// Reads what is there and throws it away; how many bytes it was.
    std::size_t discard();
    /// Bytes that came and belong to no response that was read so far.
    const std::string& unread() const { return pending_; }

    /// "I send nothing more."
    void shut_down_sending();
    /// Ends it by a reset (SO_LINGER 0): what a browser's closed tab or a lost network does.
    void reset();

  private:
    enum class Arrived { bytes, end, nothing };
    Response read_response(std::chrono::milliseconds timeout, bool has_body);
    Arrived read_more(std::chrono::milliseconds timeout);

    int fd_ = -1;
    std::string pending_;
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// A well-formed HTTP/1.1 request with Host and Content-Length.
std::string http_request(std::string_view method, std::string_view target, std::string_view body = {},
                         const HttpHeaders& headers = {});

/// One request on a connection of its own.
Response http_get(const Endpoint& endpoint, std::string_view target);

std::string base64(std::string_view bytes);

}  // namespace activity::harness
