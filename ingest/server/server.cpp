#include "ingest/server/server.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pistache/reactor.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <cerrno>
#include <cstring>
#include <thread>

#include "ingest/server/reactor.h"

namespace activity::ingest {
namespace {

/// Pistache wants one; our reactor never lets it be called.
class NoHandler final : public Pistache::Tcp::Handler {
    PROTOTYPE_OF(Pistache::Tcp::Handler, NoHandler)
  public:
    void onInput(const char* /*buffer*/, std::size_t /*length*/,
                 const std::shared_ptr<Pistache::Tcp::Peer>& /*peer*/) override {}
};

[[noreturn]] void cannot_listen(const service::Address& address, const char* why) {
    throw service::SettingsError("ACTIVITY_INGEST_ADDRESS: cannot listen on " + address.text() + ": " + why);
}

Descriptor listen_on(const service::Address& address) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    if (const int error =
            ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found)) {
        cannot_listen(address, ::gai_strerror(error));
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    Descriptor socket(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.is_open()) cannot_listen(address, std::strerror(errno));
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
    if (::bind(socket.get(), found->ai_addr, found->ai_addrlen) != 0 ||
        ::listen(socket.get(), SOMAXCONN) != 0) {
        cannot_listen(address, std::strerror(errno));
    }
    return socket;
}

std::uint16_t bound_port(int socket) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
    return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                               : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

/// A descriptor a connection, so as many as the system's administrator allows.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

class Server::Impl {
  public:
    Impl(const service::Address& address, std::size_t threads, const ServerLimits& limits)
        : address_(address), shared_(std::make_shared<ReactorShared>()) {
        raise_descriptor_limit();
        shared_->limits = limits;
        shared_->listener = listen_on(address);
        address_.port = bound_port(shared_->listener.get());
        for (std::size_t i = 0; i < threads; ++i) shared_->mailboxes.push_back(std::make_shared<Mailbox>());
    }

    ~Impl() { stop(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void start(std::function<std::unique_ptr<Exchange>(std::size_t)> make_exchange) {
        shared_->make_exchange = std::move(make_exchange);
        reactor_ = Pistache::Aio::Reactor::create();
        reactor_->init(Pistache::Aio::AsyncContext(threads(), "ingest"));
        reactor_->addHandler(std::make_shared<Reactor>(std::make_shared<NoHandler>(), shared_));
        reactor_->run();
    }

    void deliver(std::size_t index, std::span<const wire::DeliveryReport> reports) {
        shared_->mailboxes[index]->put(reports);
    }

    bool drain(std::chrono::milliseconds timeout) {
        const auto end = Clock::now() + timeout;
        for (const auto& mailbox : shared_->mailboxes) mailbox->put_drain();
        while (shared_->connections > 0) {
            if (Clock::now() >= end) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return true;
    }

    void stop() {
        if (!reactor_) return;
        reactor_->shutdown();
        reactor_.reset();  // joins the threads
    }

    service::Address address() const { return address_; }
    std::size_t threads() const { return shared_->mailboxes.size(); }
    std::size_t connections() const { return shared_->connections; }

  private:
    service::Address address_;
    std::shared_ptr<ReactorShared> shared_;
    std::shared_ptr<Pistache::Aio::Reactor> reactor_;
};

Server::Server(const service::Address& address, std::size_t threads, const ServerLimits& limits)
    : impl_(std::make_unique<Impl>(address, threads, limits)) {}

Server::~Server() = default;

void Server::start(std::function<std::unique_ptr<Exchange>(std::size_t)> make_exchange) {
    impl_->start(std::move(make_exchange));
}
void Server::deliver(std::size_t index, std::span<const wire::DeliveryReport> reports) {
    impl_->deliver(index, reports);
}
bool Server::drain(std::chrono::milliseconds timeout) {
    return impl_->drain(timeout);
}
void Server::stop() {
    impl_->stop();
}
service::Address Server::address() const {
    return impl_->address();
}
std::size_t Server::threads() const {
    return impl_->threads();
}
std::size_t Server::connections() const {
    return impl_->connections();
}

}  // namespace activity::ingest
