#pragma once

#include <pistache/tcp.h>
#include <pistache/transport.h>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "ingest/server/connection.h"
#include "ingest/server/exchange.h"

namespace activity::ingest {

/// A descriptor that is closed with its owner.
class Descriptor {
  public:
    explicit Descriptor(int descriptor = -1) : descriptor_(descriptor) {}
    ~Descriptor() { reset(); }
    Descriptor(Descriptor&& other) noexcept : descriptor_(other.release()) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) reset(other.release());
        return *this;
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    int get() const { return descriptor_; }
    bool is_open() const { return descriptor_ >= 0; }
    int release();
    void reset(int descriptor = -1);

  private:
    int descriptor_;
};

/// What other threads leave for a reactor. Its eventfd is written only when the box was empty: a reactor that
/// is awake already is not woken again.
class Mailbox {
  public:
    struct Accepted {
        int socket = -1;
        ClientAddress peer;
    };
    struct Mail {
        std::vector<wire::DeliveryReport> reports;
        std::vector<Accepted> sockets;  ///< accepted for this reactor
        bool drain = false;
    };

    Mailbox();
    void put(std::span<const wire::DeliveryReport> reports);
    void put_socket(Accepted accepted);
    void put_drain();
    /// Everything so far, into `mail`, whose memory is used again.
    void take(Mail& mail);
    int descriptor() const { return wake_.get(); }

  private:
    template <typename Put>
    void put_with(Put put);

    std::mutex mutex_;
    Mail mail_;
    bool empty_ = true;
    Descriptor wake_;
};

/// What all reactors of a server share.
struct ReactorShared {
    ServerLimits limits;
    std::function<std::unique_ptr<Exchange>(std::size_t index)> make_exchange;
    Descriptor listener;  ///< the first reactor accepts for all
    std::vector<std::shared_ptr<Mailbox>> mailboxes;
    std::atomic<std::size_t> connections = 0;
    std::atomic<std::size_t> reactors_made = 0;
    std::atomic<bool> accepting = true;
};

/// One thread of the server: Pistache's TCP transport with the reading and writing done here, on its thread
/// alone. (Pistache's own reading throws on some errors of a peer and its own writing is queued by descriptor
/// number, which gave answers to the wrong client.) The first one also accepts, and deals connections out
/// evenly.
class Reactor final : public Pistache::Tcp::Transport {
  public:
    Reactor(std::shared_ptr<Pistache::Tcp::Handler> handler, std::shared_ptr<ReactorShared> shared);
    ~Reactor() override;

    // Pistache's side of it.
    std::shared_ptr<Pistache::Aio::Handler> clone() const override;
    void registerPoller(Pistache::Polling::Epoll& poller) override;
    void onReady(const Pistache::Aio::FdSet& ready) override;

  private:
    struct Client {
        std::shared_ptr<Pistache::Tcp::Peer> peer;
        Connection connection;
        ClientAddress address;
        std::uint64_t serial;
        bool readable = false;        ///< there is something that was not read yet
        bool ended = false;           ///< the client has shut down its side
        bool wants_writable = false;  ///< registered for EPOLLOUT: waits for room or for its next turn
    };

    void accept_clients();
    void deal_out(Mailbox::Accepted accepted);
    void adopt(Mailbox::Accepted accepted);
    void read_mail();
    void tick();
    void pause_accepting();

    void on_client_ready(Client& client, bool ended);
    void read_from(Client& client, Clock::time_point now);
    void serve(Client& client, Clock::time_point now);
    void refuse(Client& client, const ProtocolError& error, Clock::time_point now);
    void deliver(std::vector<Answer>& answers, Clock::time_point now);
    void write_to(Client& client, Clock::time_point now);
    void watch_writable(Client& client, bool on);
    void give_way(Client& client);
    void close(Client& client);
    Client* find(RequestId id);
    Client* at(int descriptor);

    std::shared_ptr<Pistache::Tcp::Handler> tcp_handler_;
    std::shared_ptr<ReactorShared> shared_;
    std::size_t index_ = 0;
    std::shared_ptr<Mailbox> mailbox_;
    std::unique_ptr<Exchange> exchange_;
    Descriptor timer_;
    Pistache::Polling::Epoll* poller_ = nullptr;
    bool listens_ = false;
    bool draining_ = false;
    std::size_t next_reactor_ = 0;
    std::uint64_t next_serial_ = 1;
    std::vector<std::unique_ptr<Client>> clients_;  ///< by descriptor
    Mailbox::Mail mail_;
    std::vector<Answer> answers_;
    std::vector<char> buffer_;
};

}  // namespace activity::ingest
