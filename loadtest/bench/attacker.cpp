// One kind of hostile client against a server on the loopback, at a fixed rate and for a bounded time, so
// that what it costs others is the server's doing and not the want of a processor. For loadtest/bench/attack.

#include <sys/resource.h>
#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "deploy/stack/harness/http.h"
#include "ingest/tests/gzip_bytes.h"

namespace activity {
namespace {

using harness::Connection;
using harness::ConnectionLost;
using harness::http_request;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{5};

/// Connections that are opened again when the server has ended them.
class Crowd {
  public:
    Crowd(const harness::Endpoint& server, std::size_t count, std::string opening)
        : server_(server), opening_(std::move(opening)), members_(count) {}

    /// The next one in turn. Throws ConnectionLost if there is no new one.
    Connection& next() {
        auto& member = members_[turn_++ % members_.size()];
        if (!member) {
            member.emplace(server_);
            member->send(opening_);
        }
        return *member;
    }
    /// Does this to the next one.
    void each(const std::function<bool(Connection&)>& deed) {
        try {
            if (deed(next())) return;
        } catch (const ConnectionLost&) {
        }
        members_[(turn_ - 1) % members_.size()].reset();
        ++ended_;
    }
    std::size_t size() const { return members_.size(); }
    std::size_t ended() const { return ended_; }

  private:
    harness::Endpoint server_;
    std::string opening_;
    std::vector<std::optional<Connection>> members_;
    std::size_t turn_ = 0;
    std::size_t ended_ = 0;
};

/// What a kind of client does over and over again.
struct Attack {
    int per_second = 0;
    std::function<void()> deed;
    std::size_t preparations = 0;  ///< deeds before the attack counts as under way
    const Crowd* crowd = nullptr;
};

std::string repeated(const std::string& text, std::size_t bytes) {
    std::string out;
    while (out.size() < bytes) out += text;
    return out;
}

class Attacks {
  public:
    explicit Attacks(const harness::Endpoint& server) : server_(server) {
        const char* key = std::getenv("WRITE_KEY_BASIC");
        if (key == nullptr) throw std::runtime_error("WRITE_KEY_BASIC is not set");
        good_ = {{"Authorization", "Basic " + std::string(key)}};
    }

    Attack make(const std::string& kind) {
        // One byte a second on each connection.
        if (kind == "slow-headers") return dripping(500, "POST /v1/track HTTP/1.1\r\nHost: a\r\nX: ");
        if (kind == "slow-bodies")
            return dripping(500, "POST /v1/track HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\n");
        if (kind == "never-reading") {
            crowd_.emplace(server_, 50, "");
            return {500, sending(repeated(http_request("GET", "/openapi.json"), 4'000)), 0, &*crowd_};
        }
        if (kind == "idle") {
            crowd_.emplace(server_, 10'000, "");
            return {4'000,
                    [this] {
                        crowd_->each([](Connection& connection) {
                            connection.send(http_request("GET", "/health"));
                            return connection.receive(patience).status == 200;
                        });
                    },
                    10'000, &*crowd_};
        }
        if (kind == "flood") {
            return {1'000, [this] {
                        try {
                            Connection(server_).reset();
                        } catch (const ConnectionLost&) {
                        }
                    }};
        }
        if (kind == "malformed") {
            const std::string request =
                "POST /v1/track HTTP/1.1\r\nHost: a\r\nContent-Length: 5abc\r\n\r\nhello";
            return {500, [this, request] {
                        try {
                            Connection connection(server_);
                            connection.send(request);
                            if (connection.receive(patience).status != 400) ++unexpected_;
                        } catch (const ConnectionLost&) {
                            ++unexpected_;
                        }
                    }};
        }
        if (kind == "bad-keys") {
            return asking(50, 401,
                          http_request("POST", "/v1/batch", std::string(500'000, '['),
                                       {{"Authorization", "Basic d3Jvbmc6"}}));
        }
        if (kind == "gzip-bombs") {
            return asking(
                100, 413,
                http_request("POST", "/v1/batch", front_door::gzip(std::string(100'000'000, ' ')), good_));
        }
        if (kind == "bad-json") {
            return asking(
                50, 400,
                http_request("POST", "/v1/batch", R"({"batch":[)" + repeated("[[],{}],", 490'000), good_));
        }
        if (kind == "pipelines") {
            crowd_.emplace(server_, 4, "");
            return {200, sending(repeated(http_request("GET", "/nowhere"), 6'000), true), 0, &*crowd_};
        }
        if (kind == "pouring") {
            crowd_.emplace(server_, 4,
                           "POST /v1/track HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
            return {1'000, sending(std::string(64'000, 'x')), 0, &*crowd_};
        }
        throw std::runtime_error("no such attack: " + kind);
    }

    std::size_t unexpected() const { return unexpected_; }

  private:
    Attack dripping(std::size_t count, const std::string& opening) {
        crowd_.emplace(server_, count, opening);
        return {static_cast<int>(count), sending("a"), count, &*crowd_};
    }

    /// Sends as much of it as the kernel takes.
    std::function<void()> sending(const std::string& bytes, bool reads = false) {
        return [this, bytes, reads] {
            crowd_->each([&](Connection& connection) {
                std::string_view rest = bytes;
                if (!connection.try_send(rest)) return false;
                if (reads) connection.discard();
                return true;
            });
        };
    }

    /// Whole requests, each of which waits for its answer.
    Attack asking(int per_second, int status, const std::string& request) {
        crowd_.emplace(server_, 8, "");
        return {per_second,
                [this, status, request] {
                    crowd_->each([&](Connection& connection) {
                        connection.send(request);
                        if (connection.receive(patience).status != status) ++unexpected_;
                        return true;
                    });
                },
                0, &*crowd_};
    }

    harness::Endpoint server_;
    harness::HttpHeaders good_;
    std::optional<Crowd> crowd_;
    std::size_t unexpected_ = 0;
};

int run(const std::string& kind, const std::string& address, int seconds) {
    rlimit descriptors{};
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);

    Attacks attacks(harness::parse_endpoint(address));
    const Attack attack = attacks.make(kind);
    const auto interval = std::chrono::nanoseconds(std::chrono::seconds(1)) / attack.per_second;
    for (std::size_t i = 0; i < attack.preparations; ++i) attack.deed();
    std::cout << "ready" << std::endl;
    const auto end = Clock::now() + std::chrono::seconds(seconds);
    std::size_t deeds = 0;
    // Nobody is left to say anything to once ten thousand are idle.
    const bool holds_still = kind == "idle";
    for (auto next = Clock::now(); next < end; next = std::max(next + interval, Clock::now() - interval)) {
        std::this_thread::sleep_until(holds_still ? end : next);
        if (holds_still) break;
        attack.deed();
        ++deeds;
    }
    std::cout << "ATTACK deeds=" << deeds
              << " ended=" << (attack.crowd == nullptr ? 0 : attack.crowd->ended())
              << " unexpected=" << attacks.unexpected() << std::endl;
    return 0;
}

}  // namespace
}  // namespace activity

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    if (argc != 4) {
        std::cerr << "usage: attacker KIND 127.0.0.1:PORT SECONDS\n";
        return 2;
    }
    const int seconds = std::clamp(std::atoi(argv[3]), 1, 60);
    ::alarm(static_cast<unsigned>(seconds) + 60);  // whatever happens
    try {
        return activity::run(argv[1], argv[2], seconds);
    } catch (const std::exception& error) {
        std::cerr << "attacker: " << error.what() << '\n';
        return 1;
    }
}
