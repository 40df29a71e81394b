#include "deploy/stack/harness/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "deploy/stack/harness/wait.h"

namespace activity::harness {
namespace {

using Clock = std::chrono::steady_clock;

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

/// Strict about what our own server sends: a status line, headers and a Content-Length.
Response parse_head(std::string_view head) {
    Response response;
    const std::size_t line_end = head.find("\r\n");
    const std::string_view status_line = head.substr(0, line_end);
    if (!status_line.starts_with("HTTP/1.1 ") || status_line.size() < 12)
        throw std::runtime_error("not a status line: " + std::string(status_line));
    std::from_chars(status_line.data() + 9, status_line.data() + 12, response.status);
    head.remove_prefix(line_end == std::string_view::npos ? head.size() : line_end + 2);
    while (!head.empty()) {
        const std::size_t end = head.find("\r\n");
        const std::string_view line = head.substr(0, end);
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) throw std::runtime_error("not a header: " + std::string(line));
        response.headers[lower(line.substr(0, colon))] = trimmed(line.substr(colon + 1));
        head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
    }
    return response;
}

}  // namespace

Endpoint parse_endpoint(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) throw std::runtime_error("not host:port: '" + text + "'");
    return {text.substr(0, colon), static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1)))};
}

std::string Response::header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
}

Connection::Connection(const Endpoint& endpoint) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    inet_pton(AF_INET, endpoint.host.c_str(), &address.sin_addr);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        const int error = errno;
        close(fd_);
        throw ConnectionLost("cannot connect to " + endpoint.text() + ": " + std::strerror(error));
    }
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Connection::~Connection() {
    if (fd_ >= 0) close(fd_);
}

Connection::Connection(Connection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), pending_(std::move(other.pending_)) {}

Connection& Connection::operator=(Connection&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(pending_, other.pending_);
    return *this;
}

void Connection::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) throw ConnectionLost(std::string("cannot send: ") + std::strerror(errno));
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
}

bool Connection::try_send(std::string_view& bytes) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    bytes.remove_prefix(static_cast<std::size_t>(n));
    return true;
}

Connection::Arrived Connection::read_more(std::chrono::milliseconds timeout) {
    pollfd waiting{fd_, POLLIN, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(0, timeout.count())));
    if (ready <= 0) return Arrived::nothing;
    char buffer[16 * 1024];
    const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
    if (n <= 0) return Arrived::end;
    pending_.append(buffer, static_cast<std::size_t>(n));
    return Arrived::bytes;
}

Response Connection::receive(std::chrono::milliseconds timeout) {
    return read_response(timeout, true);
}

Response Connection::receive_head(std::chrono::milliseconds timeout) {
    return read_response(timeout, false);
}

Response Connection::read_response(std::chrono::milliseconds timeout, bool has_body) {
    const auto end = Clock::now() + timeout;
    std::optional<Response> response;
    std::size_t body_length = 0;
    for (;;) {
        if (!response) {
            if (const std::size_t head_end = pending_.find("\r\n\r\n"); head_end != std::string::npos) {
                response = parse_head(std::string_view(pending_).substr(0, head_end));
                pending_.erase(0, head_end + 4);
                const std::string length = response->header("content-length");
                body_length = !has_body || length.empty() ? 0 : std::stoul(length);
            }
        }
        if (response && pending_.size() >= body_length) {
            response->body = pending_.substr(0, body_length);
            pending_.erase(0, body_length);
            return *std::move(response);
        }
        switch (read_more(std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()))) {
            case Arrived::bytes: break;
            case Arrived::end: throw ConnectionLost("the connection ended before a whole response");
            case Arrived::nothing:
                if (Clock::now() >= end)
                    throw WaitedInVain("no response in " + std::to_string(timeout.count()) + " ms");
        }
    }
}

bool Connection::ends_within(std::chrono::milliseconds timeout) {
    const auto end = Clock::now() + timeout;
    while (pending_.empty()) {
        switch (read_more(std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()))) {
            case Arrived::bytes: return false;
            case Arrived::end: return true;
            case Arrived::nothing:
                if (Clock::now() >= end) return false;
        }
    }
    return false;
}

std::size_t Connection::discard() {
    while (read_more(std::chrono::milliseconds(0)) == Arrived::bytes) {
    }
    const std::size_t bytes = pending_.size();
    pending_.clear();
    return bytes;
}

void Connection::shut_down_sending() {
    shutdown(fd_, SHUT_WR);
}

void Connection::reset() {
    const linger at_once{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(std::exchange(fd_, -1));
}

std::string http_request(std::string_view method, std::string_view target, std::string_view body,
                         const HttpHeaders& headers) {
    std::string request;
    request.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: activity.test\r\n");
    for (const auto& [name, value] : headers) request.append(name).append(": ").append(value).append("\r\n");
    if (method != "GET" && method != "HEAD")
        request.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
    request.append("\r\n").append(body);
    return request;
}

Response http_get(const Endpoint& endpoint, std::string_view target) {
    Connection connection(endpoint);
    connection.send(http_request("GET", target, {}, {{"Connection", "close"}}));
    return connection.receive();
}

std::string base64(std::string_view bytes) {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string result;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto at = [&](std::size_t j) {
            return j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0u;
        };
        const unsigned group = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
        for (std::size_t j = 0; j < 4; ++j)
            result += j <= bytes.size() - i ? digits[group >> (18 - 6 * j) & 63] : '=';
    }
    return result;
}

}  // namespace activity::harness
