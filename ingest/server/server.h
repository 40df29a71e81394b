#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "ingest/server/exchange.h"
#include "ingest/server/http.h"
#include "schemas/service/settings.h"

namespace activity::ingest {

/// The HTTP/1.1 server: reactor threads, one listening socket. TLS and HTTP/2 end at a proxy before it.
class Server {
  public:
    /// Binds at once, so that a port that is taken is known before anything else starts. Throws
    /// SettingsError.
    Server(const service::Address& address, std::size_t threads, const ServerLimits& limits);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Starts the threads; each gets an exchange of its own, by its index.
    void start(std::function<std::unique_ptr<Exchange>(std::size_t index)> make_exchange);
    /// Gives reports to the reactor of that index. Any thread.
    void deliver(std::size_t index, std::span<const wire::DeliveryReport> reports);
    /// Stops accepting; returns when every connection has its answers and is closed, or time is up (false).
    bool drain(std::chrono::milliseconds timeout);
    /// Ends the threads.
    void stop();

    service::Address address() const;
    std::size_t threads() const;
    std::size_t connections() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace activity::ingest
