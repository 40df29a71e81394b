#pragma once

#include <netinet/in.h>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "loadtest/client/response_parser.h"

namespace activity::loadtest {

/// Where requests go: an IPv4 address and a port.
struct Address {
    sockaddr_in socket{};
    std::string text;  ///< host:port, for the Host header
};
/// Throws std::invalid_argument if the host has no IPv4 address.
Address resolve(const std::string& host, std::uint16_t port);

/// What became of a request.
struct Finished {
    enum class How : std::uint8_t {
        answered,
        lost,     ///< the connection broke: it may have been taken
        refused,  ///< no connection could be made: it was not sent
        timed_out,
    };
    std::uint64_t ticket = 0;
    How how = How::lost;
    Response response;  ///< answered
    std::chrono::steady_clock::time_point at;
};

/// HTTP/1.1 over a number of connections that are kept open, one request at a time on each, by one thread and
/// epoll. What finds no idle connection waits for one, in order. One thread.
class HttpClient {
  public:
    using Clock = std::chrono::steady_clock;

    HttpClient(const Address& address, std::size_t connections, std::chrono::milliseconds timeout);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    /// `request` is whole: head and body. The timeout counts from when it finds a connection.
    void send(std::uint64_t ticket, std::string request);

    /// Waits until something finishes, or until that time.
    std::vector<Finished> poll(Clock::time_point until);

    /// Requests that wait for a connection.
    std::size_t waiting() const { return waiting_.size(); }
    /// Requests that wait or are on their way.
    std::size_t open() const { return waiting_.size() + busy_; }

  private:
    struct Connection;
    struct Request {
        std::uint64_t ticket;
        std::string bytes;
    };

    void start(Connection& connection, Request request);
    void connect(Connection& connection);
    void on_event(Connection& connection, std::uint32_t events);
    void write(Connection& connection);
    void read(Connection& connection);
    void watch(Connection& connection, bool for_writing);
    void finish(Connection& connection, Finished::How how);
    void close(Connection& connection);
    void serve_waiting();
    void time_out(Clock::time_point now);

    Address address_;
    std::chrono::milliseconds timeout_;
    int epoll_ = -1;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<Connection*> idle_;
    std::deque<Request> waiting_;
    std::size_t busy_ = 0;
    std::vector<Finished> finished_;
    Clock::time_point looked_at_{};
    std::vector<char> buffer_;
};

}  // namespace activity::loadtest
