#include "ingest/server/reactor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pistache/peer.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "schemas/service/log.h"

namespace activity::ingest {
namespace {

namespace polling = Pistache::Polling;

/// How often deadlines are looked at: their error is at most this.
constexpr long tick_ns = 100'000'000;
/// A client's turn: what it has beyond this waits until the others had theirs. One that sends faster than we
/// read, or thousands of tiny requests in one write, would keep the thread for itself.
constexpr std::size_t turn_bytes = 32 * 1024;
constexpr int turn_requests = 16;

[[noreturn]] void throw_errno(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

polling::Tag tag_of(int descriptor) {
    return polling::Tag(static_cast<std::uint64_t>(descriptor));
}

void watch_readable(polling::Epoll& poller, int descriptor) {
    poller.addFd(descriptor, Pistache::Flags<polling::NotifyOn>(polling::NotifyOn::Read), tag_of(descriptor));
}

/// EPOLLRDHUP, which Pistache keeps in the entry's private base and shows no accessor for. The cast in C's
/// form may reach an inaccessible base ([expr.cast]).
bool peer_has_ended(const Pistache::Aio::FdSet::Entry& entry) {
    return ((const polling::Event&)entry)
        .flags.hasFlag(polling::NotifyOn::Shutdown);  // NOLINT(*-cstyle-cast)
}

}  // namespace

int Descriptor::release() {
    const int descriptor = descriptor_;
    descriptor_ = -1;
    return descriptor;
}

void Descriptor::reset(int descriptor) {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = descriptor;
}

Mailbox::Mailbox() : wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (!wake_.is_open()) throw_errno("eventfd");
}

template <typename Put>
void Mailbox::put_with(Put put) {
    bool was_empty = false;
    {
        const std::lock_guard lock(mutex_);
        put();
        was_empty = std::exchange(empty_, false);
    }
    if (was_empty) ::eventfd_write(wake_.get(), 1);
}

void Mailbox::put(std::span<const wire::DeliveryReport> reports) {
    put_with([&] { mail_.reports.insert(mail_.reports.end(), reports.begin(), reports.end()); });
}

void Mailbox::put_socket(Accepted accepted) {
    put_with([&] { mail_.sockets.push_back(accepted); });
}

void Mailbox::put_drain() {
    put_with([&] { mail_.drain = true; });
}

void Mailbox::take(Mail& mail) {
    mail.reports.clear();
    mail.sockets.clear();
    mail.drain = false;
    eventfd_t count = 0;
    ::eventfd_read(wake_.get(), &count);
    const std::lock_guard lock(mutex_);
    std::swap(mail, mail_);
    empty_ = true;
}

Reactor::Reactor(std::shared_ptr<Pistache::Tcp::Handler> handler, std::shared_ptr<ReactorShared> shared)
    : Transport(handler), tcp_handler_(std::move(handler)), shared_(std::move(shared)) {}

Reactor::~Reactor() {
    for (const auto& client : clients_) {
        if (client) ::close(client->peer->fd());
    }
}

std::shared_ptr<Pistache::Aio::Handler> Reactor::clone() const {
    return std::make_shared<Reactor>(tcp_handler_->clone(), shared_);
}

void Reactor::registerPoller(polling::Epoll& poller) {
    Transport::registerPoller(poller);
    poller_ = &poller;
    index_ = shared_->reactors_made++;
    mailbox_ = shared_->mailboxes.at(index_);
    exchange_ = shared_->make_exchange(index_);
    buffer_.resize(turn_bytes);
    watch_readable(poller, mailbox_->descriptor());

    timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    const itimerspec every_tick{{0, tick_ns}, {0, tick_ns}};
    if (!timer_.is_open() || ::timerfd_settime(timer_.get(), 0, &every_tick, nullptr) != 0)
        throw_errno("timerfd");
    watch_readable(poller, timer_.get());

    if (index_ == 0) {
        watch_readable(poller, shared_->listener.get());
        listens_ = true;
    }
}

void Reactor::onReady(const Pistache::Aio::FdSet& ready) {
    std::vector<polling::Event> others;
    for (std::size_t i = 0; i < ready.size(); ++i) {
        const auto& entry = ready[i];
        const int descriptor = static_cast<int>(entry.getTag().value());
        if (descriptor == mailbox_->descriptor()) {
            read_mail();
        } else if (descriptor == timer_.get()) {
            tick();
        } else if (listens_ && descriptor == shared_->listener.get()) {
            accept_clients();
        } else if (Client* client = at(descriptor)) {
            on_client_ready(*client, peer_has_ended(entry));
        } else if (entry.isReadable() && !entry.isHangup()) {
            // Pistache's own queues. (What was a client's descriptor a moment ago has no flags worth passing
            // on: the transport would throw for it.)
            polling::Event event(entry.getTag());
            event.flags.setFlag(polling::NotifyOn::Read);
            others.push_back(event);
        }
    }
    if (others.empty()) return;
    try {
        Transport::onReady(Pistache::Aio::FdSet(std::move(others)));
    } catch (const std::exception& error) {
        // "Unknown fd": an event of a client that was closed earlier in this very turn.
        service::log_debug("event without an owner", {{"what", error.what()}});
    }
}

void Reactor::accept_clients() {
    for (;;) {
        sockaddr_storage address{};
        socklen_t length = sizeof address;
        const int socket = ::accept4(shared_->listener.get(), reinterpret_cast<sockaddr*>(&address), &length,
                                     SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket >= 0) {
            deal_out({socket, ClientAddress::of(address)});
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            service::log_warn("cannot accept for now", {{"error", std::strerror(errno)}});
            pause_accepting();
            return;
        }
        // The rest are errors of the one connection that was to be accepted (accept(2)).
    }
}

void Reactor::pause_accepting() {
    // Level-triggered: left registered, it would wake this thread without end. tick() takes it up again.
    poller_->removeFd(shared_->listener.get());
    listens_ = false;
}

void Reactor::deal_out(Mailbox::Accepted accepted) {
    if (shared_->connections >= shared_->limits.connections_max) {
        std::string refusal;
        Reply reply = problem(503, "too_many_connections", "this server has as many connections as it takes");
        reply.headers = "Retry-After: 1\r\n" + exchange_->refuse(reply.status, Request());
        append_reply(refusal, reply, true, false);
        static_cast<void>(
            ::send(accepted.socket, refusal.data(), refusal.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
        ::close(accepted.socket);
        return;
    }
    ++shared_->connections;
    const std::size_t reactor = next_reactor_++ % shared_->mailboxes.size();
    if (reactor == index_) {
        adopt(accepted);
    } else {
        shared_->mailboxes[reactor]->put_socket(accepted);
    }
}

void Reactor::adopt(Mailbox::Accepted accepted) {
    const int socket = accepted.socket;
    const auto now = Clock::now();
    auto peer = Pistache::Tcp::Peer::Create(socket, Pistache::Address());
    if (clients_.size() <= static_cast<std::size_t>(socket))
        clients_.resize(static_cast<std::size_t>(socket) + 1);
    auto& client = clients_[static_cast<std::size_t>(socket)];
    assert(!client);
    client.reset(new Client{peer, Connection(shared_->limits, now), accepted.peer, next_serial_++});
    if (draining_) client->connection.drain(now);
    handleNewPeer(peer);
}

void Reactor::read_mail() {
    mailbox_->take(mail_);
    const auto now = Clock::now();
    for (const auto& accepted : mail_.sockets) adopt(accepted);
    if (!mail_.reports.empty()) {
        exchange_->complete(mail_.reports, now, answers_);
        deliver(answers_, now);
    }
    if (!mail_.drain || draining_) return;
    draining_ = true;
    if (listens_) {
        accept_clients();  // who has connected already gets an answer
        if (listens_) pause_accepting();
        shared_->listener.reset();
    }
    for (const auto& client : clients_) {
        if (client) client->connection.drain(now);
    }
}

void Reactor::tick() {
    std::uint64_t expirations = 0;
    static_cast<void>(::read(timer_.get(), &expirations, sizeof expirations));
    const auto now = Clock::now();
    exchange_->expire(now, answers_);
    deliver(answers_, now);
    for (std::size_t i = 0; i < clients_.size(); ++i) {
        Client* client = clients_[i].get();
        if (client == nullptr || client->connection.deadline() > now) continue;
        if (const auto error = client->connection.expire()) refuse(*client, *error, now);
        write_to(*client, now);
    }
    if (index_ == 0 && !listens_ && !draining_) {
        watch_readable(*poller_, shared_->listener.get());
        listens_ = true;
    }
}

void Reactor::on_client_ready(Client& client, bool ended) {
    const auto now = Clock::now();
    client.readable = true;
    client.ended |= ended;
    if (client.wants_writable) {
        write_to(client, now);
        return;  // write_to() reads on when all is sent
    }
    read_from(client, now);
}

/// Reads and serves until there is nothing to read, a request is in work, the client has had its turn, or is
/// gone (and with it the object: nothing may touch it afterwards).
void Reactor::read_from(Client& client, Clock::time_point now) {
    const int socket = client.peer->fd();
    const std::uint64_t serial = client.serial;
    while (client.readable && client.connection.wants_input() && !client.wants_writable) {
        const ssize_t bytes = ::recv(socket, buffer_.data(), buffer_.size(), 0);
        if (bytes < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) {
                client.readable = false;
                return;
            }
            close(client);
            return;
        }
        if (bytes == 0) {
            client.readable = false;
            client.connection.end_of_input();
            if (client.connection.finished()) close(client);
            return;
        }
        // A read that does not fill the buffer has emptied the socket, and the next bytes make a new event.
        // Only the end of input came with this one, and needs one more read.
        if (static_cast<std::size_t>(bytes) < buffer_.size() && !client.ended) client.readable = false;
        client.connection.receive({buffer_.data(), static_cast<std::size_t>(bytes)}, now);
        serve(client, now);
        if (find({socket, serial}) == nullptr) return;
        if (static_cast<std::size_t>(bytes) == buffer_.size()) {
            give_way(client);
            return;
        }
    }
}

/// Hands complete requests on until one is in work or the client has had its turn; writes what is there to be
/// written. May close the client.
void Reactor::serve(Client& client, Clock::time_point now) {
    const RequestId id{client.peer->fd(), client.serial};
    bool more = false;
    for (int answered = 0;; ++answered) {
        more = answered == turn_requests;
        if (more) break;
        auto next = client.connection.next_request(now);
        if (auto* request = std::get_if<Request>(&next)) {
            request->peer = client.address;
            auto reply = exchange_->accept(std::move(*request), id, now);
            if (!reply) break;
            client.connection.reply(*reply, now);
            continue;
        }
        if (const auto* error = std::get_if<ProtocolError>(&next)) refuse(client, *error, now);
        break;
    }
    if (!client.connection.output().empty()) write_to(client, now);
    if (more && find(id) != nullptr) give_way(client);
}

void Reactor::refuse(Client& client, const ProtocolError& error, Clock::time_point now) {
    client.connection.refuse(error, exchange_->refuse(error.status, client.connection.seen()), now);
}

/// The client's turn is over, and it has more. Its socket takes bytes, so epoll will tell that at once, but
/// after what it has to tell of the others; write_to() then goes on here.
void Reactor::give_way(Client& client) {
    watch_writable(client, true);
}

void Reactor::deliver(std::vector<Answer>& answers, Clock::time_point now) {
    for (const Answer& answer : answers) {
        Client* client = find(answer.id);
        if (client == nullptr) continue;  // gone: it will ask again under the same message ID
        client->connection.reply(answer.reply, now);
        serve(*client, now);
        client = find(answer.id);
        if (client != nullptr) read_from(*client, now);
    }
    answers.clear();
}

/// Sends what there is. May close the client.
void Reactor::write_to(Client& client, Clock::time_point now) {
    const int socket = client.peer->fd();
    while (!client.connection.output().empty()) {
        const std::string_view output = client.connection.output();
        const ssize_t bytes = ::send(socket, output.data(), output.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (bytes >= 0) {
            client.connection.sent(static_cast<std::size_t>(bytes), now);
            continue;
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (client.connection.finished()) break;
            watch_writable(client, true);
            return;
        }
        close(client);
        return;
    }
    if (client.connection.finished()) {
        close(client);
        return;
    }
    if (client.connection.should_shut_down()) ::shutdown(socket, SHUT_WR);
    if (client.wants_writable) {
        watch_writable(client, false);
        client.readable = true;
        serve(client, now);
        if (at(socket) == &client) read_from(client, now);
    }
}

void Reactor::watch_writable(Client& client, bool on) {
    if (client.wants_writable == on) return;
    client.wants_writable = on;
    auto interest = polling::NotifyOn::Read | polling::NotifyOn::Shutdown;
    if (on) interest = interest | polling::NotifyOn::Write;
    reactor()->modifyFd(key(), client.peer->fd(), interest, polling::Mode::Edge);
}

void Reactor::close(Client& client) {
    const auto peer = client.peer;
    clients_[static_cast<std::size_t>(peer->fd())].reset();
    --shared_->connections;
    removePeer(peer);  // takes it from epoll and closes the descriptor
}

Reactor::Client* Reactor::at(int descriptor) {
    const auto index = static_cast<std::size_t>(descriptor);
    return descriptor >= 0 && index < clients_.size() ? clients_[index].get() : nullptr;
}

Reactor::Client* Reactor::find(RequestId id) {
    Client* client = at(id.descriptor);
    return client != nullptr && client->serial == id.connection_serial ? client : nullptr;
}

}  // namespace activity::ingest
