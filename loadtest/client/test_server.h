#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "loadtest/client/http_client.h"

namespace activity::loadtest::testing_loadtest {

/// One connection as a server has it.
class Peer {
  public:
    explicit Peer(int socket) : socket_(socket) {}
    ~Peer() { ::close(socket_); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    /// The next request's head and body; empty at the end of the connection.
    std::string request() {
        for (;;) {
            const auto head = bytes_.find("\r\n\r\n");
            if (head != std::string::npos) {
                std::size_t length = 0;
                if (const auto at = bytes_.find("Content-Length: "); at < head)
                    length = std::stoul(bytes_.substr(at + 16));
                if (bytes_.size() >= head + 4 + length) {
                    std::string request = bytes_.substr(0, head + 4 + length);
                    bytes_.erase(0, request.size());
                    return request;
                }
            }
            char some[4'096];
            const auto got = ::recv(socket_, some, sizeof some, 0);
            if (got <= 0) return {};
            bytes_.append(some, static_cast<std::size_t>(got));
        }
    }
    void say(std::string_view bytes) { (void)!::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }

  private:
    int socket_;
    std::string bytes_;
};

/// A server on the loopback that does with each connection what the test says.
class Server {
  public:
    explicit Server(std::function<void(Peer&)> serve) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof any;
        ::bind(socket_, reinterpret_cast<sockaddr*>(&any), size);
        ::listen(socket_, 128);
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&any), &size);
        port_ = ntohs(any.sin_port);
        acceptor_ = std::thread([this, serve = std::move(serve)] {
            for (;;) {
                const int accepted = ::accept(socket_, nullptr, nullptr);
                if (accepted < 0) return;
                ++connections;
                const std::lock_guard lock(mutex_);
                threads_.emplace_back([serve, accepted] {
                    Peer peer(accepted);
                    serve(peer);
                });
            }
        });
    }
    /// After the client has closed its connections.
    ~Server() {
        ::shutdown(socket_, SHUT_RDWR);
        acceptor_.join();
        for (auto& thread : threads_) thread.join();
        ::close(socket_);
    }

    Address address() const { return resolve("127.0.0.1", port_); }
    std::atomic<int> connections{0};

  private:
    int socket_;
    std::uint16_t port_ = 0;
    std::mutex mutex_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

}  // namespace activity::loadtest::testing_loadtest
