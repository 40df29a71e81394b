#include "loadtest/client/http_client.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace activity::loadtest {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t buffer_bytes = 65'536;
constexpr std::size_t events_max = 256;
/// Between two looks at what has taken too long.
constexpr auto look_interval = 20ms;

[[noreturn]] void fail(const char* doing) {
    throw std::system_error(errno, std::generic_category(), doing);
}

}  // namespace

Address resolve(const std::string& host, std::uint16_t port) {
    addrinfo wanted{};
    wanted.ai_family = AF_INET;
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = ::getaddrinfo(host.c_str(), nullptr, &wanted, &found); error != 0)
        throw std::invalid_argument(host + ": " + ::gai_strerror(error));
    Address address;
    address.socket = *reinterpret_cast<const sockaddr_in*>(found->ai_addr);
    address.socket.sin_port = htons(port);
    address.text = host + ":" + std::to_string(port);
    ::freeaddrinfo(found);
    return address;
}

struct HttpClient::Connection {
    int socket = -1;
    bool connecting = false;
    bool busy = false;
    bool watched_for_writing = false;
    Request request{};
    std::size_t sent = 0;
    Clock::time_point deadline{};
    std::optional<ResponseParser> parser;
};

HttpClient::HttpClient(const Address& address, std::size_t connections, std::chrono::milliseconds timeout)
    : address_(address), timeout_(timeout), epoll_(::epoll_create1(EPOLL_CLOEXEC)), buffer_(buffer_bytes) {
    if (epoll_ < 0) fail("epoll_create1");
    for (std::size_t i = 0; i < connections; ++i) {
        connections_.push_back(std::make_unique<Connection>());
        idle_.push_back(connections_.back().get());
    }
}

HttpClient::~HttpClient() {
    for (const auto& connection : connections_)
        if (connection->socket >= 0) ::close(connection->socket);
    ::close(epoll_);
}

void HttpClient::send(std::uint64_t ticket, std::string request) {
    if (idle_.empty()) {
        waiting_.push_back({ticket, std::move(request)});
        return;
    }
    Connection& connection = *idle_.back();
    idle_.pop_back();
    start(connection, {ticket, std::move(request)});
}

void HttpClient::start(Connection& connection, Request request) {
    connection.request = std::move(request);
    connection.sent = 0;
    connection.busy = true;
    connection.deadline = Clock::now() + timeout_;
    connection.parser.emplace();
    ++busy_;
    if (connection.socket < 0) connect(connection);
    if (connection.busy && !connection.connecting) write(connection);
}

void HttpClient::connect(Connection& connection) {
    connection.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection.socket < 0) fail("socket");
    const int on = 1;
    ::setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &connection;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event) != 0) fail("epoll_ctl");
    connection.watched_for_writing = false;
    const auto* const to = reinterpret_cast<const sockaddr*>(&address_.socket);
    if (::connect(connection.socket, to, sizeof address_.socket) == 0) return;
    if (errno != EINPROGRESS) {
        finish(connection, Finished::How::refused);
        return;
    }
    connection.connecting = true;
    watch(connection, true);
}

void HttpClient::watch(Connection& connection, bool for_writing) {
    if (connection.watched_for_writing == for_writing) return;
    connection.watched_for_writing = for_writing;
    epoll_event event{};
    event.events = EPOLLIN | (for_writing ? EPOLLOUT : 0U);
    event.data.ptr = &connection;
    if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.socket, &event) != 0) fail("epoll_ctl");
}

void HttpClient::write(Connection& connection) {
    const auto& bytes = connection.request.bytes;
    while (connection.sent < bytes.size()) {
        const auto wrote = ::send(connection.socket, bytes.data() + connection.sent,
                                  bytes.size() - connection.sent, MSG_NOSIGNAL);
        if (wrote >= 0) {
            connection.sent += static_cast<std::size_t>(wrote);
        } else if (errno == EAGAIN) {
            watch(connection, true);
            return;
        } else if (errno != EINTR) {
            // An answer may be there all the same: a server that refuses a body says so and hangs up.
            read(connection);
            if (connection.busy) finish(connection, Finished::How::lost);
            return;
        }
    }
    watch(connection, false);
}

void HttpClient::read(Connection& connection) {
    for (;;) {
        const auto got = ::recv(connection.socket, buffer_.data(), buffer_.size(), 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) return;
            connection.busy ? finish(connection, Finished::How::lost) : close(connection);
            return;
        }
        if (!connection.busy) {
            close(connection);  // the end, or bytes that nobody asked for
            return;
        }
        if (got == 0) {
            const bool whole = connection.parser->end();
            finish(connection, whole ? Finished::How::answered : Finished::How::lost);
            return;
        }
        try {
            const auto size = static_cast<std::size_t>(got);
            const auto taken = connection.parser->take({buffer_.data(), size});
            if (connection.parser->is_done()) {
                if (taken < size) connection.parser->response().keep_alive = false;
                finish(connection, Finished::How::answered);
                return;
            }
        } catch (const std::runtime_error&) {
            finish(connection, Finished::How::lost);
            return;
        }
        if (static_cast<std::size_t>(got) < buffer_.size()) return;
    }
}

void HttpClient::on_event(Connection& connection, std::uint32_t events) {
    if (connection.socket < 0) return;
    if (connection.connecting) {
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(connection.socket, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) {
            finish(connection, Finished::How::refused);
            return;
        }
        if ((events & EPOLLOUT) == 0) return;
        connection.connecting = false;
        write(connection);
        return;
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(connection);
    if ((events & EPOLLOUT) != 0 && connection.socket >= 0 && connection.busy) write(connection);
}

void HttpClient::finish(Connection& connection, Finished::How how) {
    Finished finished;
    finished.ticket = connection.request.ticket;
    finished.how = how;
    finished.at = Clock::now();
    const bool kept = how == Finished::How::answered && connection.parser->response().keep_alive &&
                      connection.sent == connection.request.bytes.size();
    if (how == Finished::How::answered) finished.response = std::move(connection.parser->response());
    finished_.push_back(std::move(finished));
    connection.busy = false;
    connection.request = {};
    --busy_;
    if (!kept) close(connection);
    idle_.push_back(&connection);
}

void HttpClient::close(Connection& connection) {
    if (connection.socket >= 0) ::close(connection.socket);
    connection.socket = -1;
    connection.connecting = false;
}

void HttpClient::serve_waiting() {
    // Not those that fail at once, for ever: a server that is away gets a connection's worth of tries a look.
    for (std::size_t tries = connections_.size(); tries > 0 && !waiting_.empty() && !idle_.empty(); --tries) {
        Request request = std::move(waiting_.front());
        waiting_.pop_front();
        Connection& connection = *idle_.back();
        idle_.pop_back();
        start(connection, std::move(request));
    }
}

void HttpClient::time_out(Clock::time_point now) {
    if (now - looked_at_ < look_interval) return;
    looked_at_ = now;
    for (const auto& connection : connections_)
        if (connection->busy && connection->deadline <= now) finish(*connection, Finished::How::timed_out);
}

std::vector<Finished> HttpClient::poll(Clock::time_point until) {
    serve_waiting();
    std::array<epoll_event, events_max> events{};
    for (;;) {
        const auto now = Clock::now();
        time_out(now);
        auto wait = finished_.empty() ? std::max(until - now, Clock::duration(0)) : Clock::duration(0);
        if (busy_ > 0) wait = std::min<Clock::duration>(wait, look_interval);
        const auto seconds = std::chrono::floor<std::chrono::seconds>(wait);
        const timespec timeout{static_cast<time_t>(seconds.count()),
                               static_cast<long>(std::chrono::nanoseconds(wait - seconds).count())};
        const int count =
            ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
        if (count < 0 && errno != EINTR) fail("epoll_pwait2");
        for (int i = 0; i < count; ++i)
            on_event(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr),
                     events[static_cast<std::size_t>(i)].events);
        if (!finished_.empty() || Clock::now() >= until) return std::exchange(finished_, {});
    }
}

}  // namespace activity::loadtest
