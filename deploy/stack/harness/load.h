#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "deploy/stack/harness/http.h"
#include "deploy/stack/harness/ledger.h"

namespace activity::harness {

/// An event as a client sends it.
struct ClientEvent {
    std::string message_id;
    std::string json;  ///< an object with `type`
};

/// A track event. `properties` is a JSON object.
ClientEvent track(const std::string& message_id, const std::string& user_id, const std::string& event,
                  const std::string& properties = "{}");

/// The `number`th thing that a learner does, of every kind that a worker group cares about by turns: so that
/// none of them has nothing to get wrong. Its properties tell the `sequence`, too. If `one_topic`, only what
/// goes into the topic of live classes, where a learner's events keep their order.
ClientEvent deed(const std::string& message_id, const std::string& user_id, std::size_t number,
                 bool one_topic = false);

/// An ID of one of the shapes that clients send, by turns: UUIDv7, node-next-<ms>-<uuid>, plain text.
std::string new_message_id();

/// What every test's clients are known by: source `web`.
inline constexpr const char* write_key = "test-write-key";
/// Of another source, `app`, whose learners are others, even if they have the same IDs.
inline constexpr const char* app_write_key = "test-app-write-key";
std::string authorization(const std::string& key = write_key);

/// A client with one connection at a time, kept open and opened again when it is lost, which keeps the
/// ledger. One thread.
class Client {
  public:
    Client(const Endpoint& ingest, Ledger& ledger, const std::string& key = write_key)
        : ingest_(ingest), ledger_(ledger), key_(key) {}

    /// POST /v1/track (or what the event's type needs). The response, or nothing if the connection was lost.
    std::optional<Response> send(const ClientEvent& event, const std::string& target = "/v1/track");
    /// POST /v1/batch.
    std::optional<Response> send(std::span<const ClientEvent> events);
    /// POST /v1/batch, and hangs up that much later, whether there was an answer or not: nothing is known of
    /// the events.
    void send_and_hang_up(std::span<const ClientEvent> events, std::chrono::milliseconds later);

  private:
    std::string request(const std::string& target, const std::string& body) const;
    std::optional<Response> exchange(const std::string& target, const std::string& body,
                                     std::span<const ClientEvent> events);
    void settle(const Response& response, std::span<const ClientEvent> events);

    Endpoint ingest_;
    Ledger& ledger_;
    std::string key_;
    std::optional<Connection> connection_;
};

/// How a Load sends.
struct LoadSettings {
    int connections = 4;
    int events_per_request = 1;
    int users_per_connection = 25;
    int requests_per_second = 200;  ///< of all connections together
    bool repeat_until_acknowledged =
        false;               ///< as an SDK does: the same message ID again after a 503 or a lost connection
    bool one_topic = false;  ///< see deed()
};

/// Clients in the background that send until they are told to stop. Each user belongs to one client, which
/// sends the user's events in the order of `properties.sequence`, one request after the other.
class Load {
  public:
    Load(const Endpoint& ingest, Ledger& ledger, const LoadSettings& settings = {});
    ~Load();
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    /// Waits for the requests in flight.
    void stop();

  private:
    void client(int number);

    Endpoint ingest_;
    Ledger& ledger_;
    LoadSettings settings_;
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> threads_;
};

}  // namespace activity::harness
