// The same message ID again: an honest repeat changes nothing, another payload under it is counted.

#include <gtest/gtest.h>
#include <atomic>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"
#include "schemas/activity/event.h"
#include "schemas/activity/timestamp.h"
#include "schemas/activity/uuid.h"
#include "workers/tests/answers.h"

namespace activity {
namespace {

using harness::Client;
using harness::ClientEvent;
using harness::Ledger;
using harness::Pipeline;
using harness::PostgresServer;

constexpr const char* conflicting = "activity_worker_records_conflicting_total";
constexpr const char* duplicate = "activity_worker_records_duplicate_total";

class RepeatTest : public ::testing::Test {
  protected:
    /// As `sent` from the client, in a batch that says when by the client's clock.
    void send(const std::string& properties, const std::string& sent_at = "2026-10-10T10:00:01Z",
              const std::string& user = "learner") {
        Client client(pipeline_.ingest(), ledger_);
        ledger_.sent(message_id_);
        harness::Connection connection(pipeline_.ingest());
        connection.send(harness::http_request(
            "POST", "/v1/batch",
            R"({"sentAt":")" + sent_at +
                R"(","batch":[{"type":"track","event":"Question Asked","messageId":")" + message_id_ +
                R"(","userId":")" + user + R"(","timestamp":"2026-10-10T10:00:00Z","properties":)" +
                properties + "}]}",
            {{"Authorization", harness::authorization()}}));
        const auto response = connection.receive();
        ASSERT_EQ(response.status, 202) << response.body;
        ledger_.settle(message_id_, harness::Outcome::acknowledged);
    }

    /// Straight into Kafka, as ingest would write it for some source.
    void write(const std::string& source, const std::string& properties, const std::string& message_id = {}) {
        ActivityEvent event;
        event.message_id = message_id.empty() ? message_id_ : message_id;
        event.activity = "Question Asked";
        event.user_id = "learner";
        event.source = source;
        event.occurred_at = event.received_at = now();
        event.properties = properties;
        pipeline_.kafka().write({{pipeline_.topic("live-class"), 0}, -1, "k", canonical_json(event), {}});
    }

    /// So that the next worker need not wait for this one's session to end.
    static void leave(harness::Program& worker) {
        EXPECT_EQ(worker.process().stop(SIGTERM, std::chrono::seconds(30)), harness::Exit{.code = 0});
    }

    void expect_row(const std::string& properties) {
        EXPECT_EQ(
            pipeline_.session().value("SELECT count(*) || ' ' || min(properties::text) FROM activity.event"),
            "1 " + properties);
    }

    Pipeline pipeline_;
    Ledger ledger_;
    const std::string message_id_ = new_uuid_v7(now());
};

/// Each of 50 messages 400 times, from 10 connections at once; a learner's messages through one partition and
/// in every group. Where an ID has several learners, as below, each group may have met another one first.
TEST_F(RepeatTest, messages_sent_again_and_again_count_once_in_every_group) {
    const auto ingest = pipeline_.start_ingest();
    const auto worker = pipeline_.start_worker({{"ACTIVITY_WORKER_BATCH_MAX_RECORDS", "700"}}, 2, "all");
    const auto another_worker = pipeline_.start_worker({}, 1, "all");
    constexpr std::size_t messages = 50, connections = 10, rounds = 40;
    std::vector<ClientEvent> events;
    for (std::size_t i = 0; i < messages; ++i)
        events.push_back(harness::deed(harness::new_message_id(), "learner " + std::to_string(i % 16), i));
    {
        std::vector<std::jthread> threads;
        for (std::size_t c = 0; c < connections; ++c) {
            threads.emplace_back([&] {
                Client client(pipeline_.ingest(), ledger_);
                for (std::size_t i = 0; i < rounds; ++i) {
                    const auto response = client.send(events);
                    EXPECT_TRUE(response && response->status == 202);
                }
            });
        }
    }
    harness::expect_ledger_holds(pipeline_, ledger_);
    testing_workers::expect_answers_hold(pipeline_);
    EXPECT_EQ(pipeline_.stored(), static_cast<std::int64_t>(messages));
    // Groups that every event is something to.
    for (const char* group : {"records", "rollups", "sessions", "profiles"}) {
        const std::string label = std::string("group=\"") + group + '"';
        EXPECT_EQ(worker.metric(duplicate, label) + another_worker.metric(duplicate, label),
                  messages * (connections * rounds - 1))
            << group;
    }
}

/// 100,000 times from 50 connections at once, one by one and in batches that hold it many times.
TEST_F(RepeatTest, one_message_sent_a_hundred_thousand_times_is_one_row_and_every_request_is_acknowledged) {
    const auto ingest = pipeline_.start_ingest();
    const auto worker = pipeline_.start_worker({}, 2);
    const auto another_worker = pipeline_.start_worker();
    constexpr int connections = 50, rounds = 20, batch_events = 99;
    std::atomic<int> acknowledged{0};
    {
        std::vector<std::jthread> threads;
        for (int c = 0; c < connections; ++c) {
            threads.emplace_back([&, c] {
                Client client(pipeline_.ingest(), ledger_);
                // Several users: the same ID then comes through several partitions, to several workers at
                // once.
                const ClientEvent event = harness::track(message_id_, "learner " + std::to_string(c % 16),
                                                         "Reaction Given", R"({"reaction":"👍"})");
                const std::vector<ClientEvent> batch(batch_events, event);
                for (int i = 0; i < rounds; ++i) {
                    const auto single = client.send(event);
                    if (single && single->status == 202) ++acknowledged;
                    const auto many = client.send(batch);
                    if (many && many->status == 202) ++acknowledged;
                }
            });
        }
    }
    EXPECT_EQ(acknowledged, connections * rounds * 2);
    constexpr int records = connections * rounds * (1 + batch_events);
    EXPECT_EQ(pipeline_.kafka().written({pipeline_.topic("live-class")}), records);
    harness::expect_ledger_holds(pipeline_, ledger_);
    EXPECT_EQ(pipeline_.stored(), 1);
    EXPECT_EQ(worker.metric(duplicate) + another_worker.metric(duplicate), records - 1);
}

TEST_F(RepeatTest, an_honest_repeat_is_no_conflict_and_another_payload_is_one) {
    const auto ingest = pipeline_.start_ingest();
    const auto worker = pipeline_.start_worker();
    send(R"({"a":1,"b":{"c":"d"}})");
    pipeline_.wait_caught_up();
    const std::string first = R"({"a":1,"b":{"c":"d"}})";
    expect_row(first);

    // Again, later, by a clock that went on, and by a client that writes its members in another order.
    send(first, "2026-10-10T10:05:00Z");
    send(R"({"b":{"c":"d"},"a":1})", "2026-10-10T10:06:00Z");
    pipeline_.wait_caught_up();
    EXPECT_EQ(worker.metric(duplicate), 2);
    EXPECT_EQ(worker.metric(conflicting), 0);

    send(R"({"a":2,"b":{"c":"d"}})");
    pipeline_.wait_caught_up();
    EXPECT_EQ(worker.metric(duplicate), 3);
    EXPECT_EQ(worker.metric(conflicting), 1);
    EXPECT_EQ(worker.logged("message IDs came again with another payload"), 1u);

    // Whoever it is said to be of counts too: it lies in another partition, and all the same it is the same
    // ID.
    send(first, "2026-10-10T10:00:01Z", "another learner");
    pipeline_.wait_caught_up();
    EXPECT_EQ(worker.metric(conflicting), 2);
    harness::expect_ledger_holds(pipeline_, ledger_);
    expect_row(first);
}

/// What comes in one batch never meets in PostgreSQL.
TEST_F(RepeatTest, conflicts_within_a_batch_are_counted_and_the_first_wins) {
    write("web", R"({"a":1})");
    write("web", R"({"a":1})");
    write("web", R"({"a":2})");
    write("web", R"({"a":1})");
    const auto worker = pipeline_.start_worker();
    pipeline_.wait_caught_up();
    EXPECT_EQ(worker.metric("activity_worker_batch_records_count"), 1)
        << "the records came in several batches";
    EXPECT_EQ(worker.metric(conflicting), 1);
    EXPECT_EQ(worker.metric(duplicate), 3);
    EXPECT_EQ(worker.metric("activity_worker_records_stored_total"), 1);
    expect_row(R"({"a":1})");
}

TEST_F(RepeatTest, an_id_that_another_source_has_used_is_a_conflict) {
    const auto worker = pipeline_.start_worker();
    write("web", "{}");
    pipeline_.wait_caught_up();
    write("app", "{}");
    pipeline_.wait_caught_up();
    EXPECT_EQ(worker.metric(conflicting), 1);
    EXPECT_EQ(pipeline_.session().value("SELECT source FROM activity.event"), "web");
}

/// As while create_partition() moves rows: counting gives up, storing goes on.
TEST_F(RepeatTest, a_lock_that_keeps_conflicts_from_being_counted_keeps_nothing_from_being_stored) {
    write("web", R"({"a":1})");
    {
        auto worker = pipeline_.start_worker();
        pipeline_.wait_caught_up();
        leave(worker);
    }
    // In one batch with an ID that tells no time: event_default lies between the two.
    write("web", R"({"a":2})");
    write("web", "{}", "an ID that tells no time");
    {
        auto session = pipeline_.session();
        pqxx::work transaction(session.connection());
        transaction.exec("LOCK TABLE activity.event_default IN ACCESS EXCLUSIVE MODE");
        auto worker = pipeline_.start_worker();
        pipeline_.wait_caught_up();
        EXPECT_EQ(worker.logged("conflicting repeats were not counted"), 1u);
        EXPECT_EQ(worker.metric(conflicting), 0);
        EXPECT_EQ(worker.metric(duplicate), 1);
        EXPECT_EQ(worker.metric("activity_worker_transactions_failed_total"), 0);
        leave(worker);
    }
    EXPECT_EQ(pipeline_.stored(), 2);
    const auto worker = pipeline_.start_worker();
    write("web", R"({"a":3})");
    pipeline_.wait_caught_up();
    EXPECT_EQ(worker.metric(conflicting), 1);
}

}  // namespace
}  // namespace activity
