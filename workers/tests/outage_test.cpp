// PostgreSQL and Kafka go away and come back: the pipeline pauses, says so, and goes on by itself.

#include <gtest/gtest.h>
#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"
#include "schemas/wire/group_topics.h"
#include "workers/tests/answers.h"

namespace activity {
namespace {

using harness::Client;
using harness::ClientEvent;
using harness::Ledger;
using harness::Load;
using harness::Outcome;
using harness::Pipeline;
using harness::PostgresServer;
using harness::servers;
using harness::wait_until;
using testing_workers::expect_answers_hold;
using testing_workers::wait_groups_caught_up;

constexpr std::chrono::seconds outage{20};
constexpr std::size_t mebibyte = 1024 * 1024;

TEST(OutageTest, postgresql_stopped_and_started) {
    Pipeline pipeline;
    Ledger ledger;
    auto ingest = pipeline.start_ingest();
    auto worker = pipeline.start_worker({}, 1, "all");
    auto another_worker = pipeline.start_worker({}, 2, "all");
    Load load(pipeline.ingest(), ledger, {.events_per_request = 5, .requests_per_second = 100});
    wait_until("the workers store", [&] { return pipeline.stored() > 100; });

    const auto start = std::chrono::steady_clock::now();
    servers().postgres.stop();
    wait_until("the workers say that they are paused", [&] {
        return !worker.is_ready() && !another_worker.is_ready() &&
               worker.metric("activity_worker_paused") > 0;
    });
    EXPECT_TRUE(worker.is_live()) << "an orchestrator would kill a worker that only waits";
    const std::size_t acknowledged = ledger.count(Outcome::acknowledged);
    std::this_thread::sleep_until(start + outage);
    EXPECT_GT(ledger.count(Outcome::acknowledged), acknowledged + 1'000)
        << "the front door does not need PostgreSQL";
    servers().postgres.start();

    wait_until("the workers are ready again", [&] { return worker.is_ready() && another_worker.is_ready(); });
    EXPECT_EQ(worker.metric("activity_worker_paused"), 0);
    load.stop();
    harness::expect_ledger_holds(pipeline, ledger);
    expect_answers_hold(pipeline);
    EXPECT_EQ(ledger.count(Outcome::acknowledged), ledger.size());
    EXPECT_TRUE(worker.process().running());
    EXPECT_TRUE(another_worker.process().running());
}

/// An event of about 8 KB: memory that is kept by mistake shows soon.
std::string bulky_json(const std::string& message_id, int user) {
    return R"({"type":"track","messageId":")" + message_id + R"(","userId":"learner )" +
           std::to_string(user) +
           R"(","event":"Assignment Submitted","properties":{"courseId":"c","assignmentId":"a","answer":")" +
           std::string(8'000, 'x') + R"("}})";
}

/// Clients that go on while Kafka is away. They count what the refusals look like.
class StubbornClients {
  public:
    StubbornClients(const Pipeline& pipeline, Ledger& ledger) {
        for (int number = 0; number < 24; ++number) {
            threads_.emplace_back(
                [this, &ledger, number, endpoint = pipeline.ingest()](const std::stop_token& stop) {
                    Client client(endpoint, ledger);
                    while (!stop.stop_requested()) {
                        std::vector<ClientEvent> events;
                        for (int i = 0; i < 10; ++i) {
                            const std::string id = harness::new_message_id();
                            events.push_back({id, bulky_json(id, number * 10 + i)});
                        }
                        const auto response = client.send(events);
                        count(response);
                        std::this_thread::sleep_for(std::chrono::milliseconds(100));
                    }
                });
        }
    }

    std::atomic<int> busy{0}, accepted{0}, lost{0}, other{0}, without_retry_after{0};

  private:
    void count(const std::optional<harness::Response>& response) {
        if (!response) {
            ++lost;
        } else if (response->status == 202) {
            ++accepted;
        } else if (response->status == 503) {
            ++busy;
            const std::string after = response->header("retry-after");
            const bool integer =
                !after.empty() && after.size() <= 3 &&
                std::all_of(after.begin(), after.end(), [](char c) { return c >= '0' && c <= '9'; });
            if (!integer || after == "0") ++without_retry_after;
        } else {
            ++other;
        }
    }

    std::vector<std::jthread> threads_;
};

TEST(OutageTest, kafka_stopped_and_started) {
    Pipeline pipeline;
    Ledger ledger;
    // A queue that is full soon, so that both refusals are seen: Kafka did not confirm in time, and no room.
    auto ingest = pipeline.start_ingest({{"ACTIVITY_INGEST_QUEUE_KBYTES_MAX", "4096"}});
    auto worker = pipeline.start_worker({{"ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", "6000"}}, 1, "all");
    {
        StubbornClients clients(pipeline, ledger);
        wait_until("the workers store", [&] { return pipeline.stored() > 5'000; });
        const std::size_t resident_before = ingest.process().resident_bytes();

        const auto start = std::chrono::steady_clock::now();
        servers().kafka.kill();
        wait_until("ingest says that it is not ready", [&] { return !ingest.is_ready(); });
        wait_until("ingest answers 503", [&] { return clients.busy > 0; });
        const int accepted_before = clients.accepted;
        EXPECT_TRUE(ingest.is_live());
        std::size_t resident_max = 0;
        std::size_t descriptors_max = 0;
        while (std::chrono::steady_clock::now() < start + outage) {
            resident_max = std::max(resident_max, ingest.process().resident_bytes());
            descriptors_max = std::max(descriptors_max, ingest.process().open_descriptors());
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        EXPECT_GT(clients.busy, 100);
        EXPECT_EQ(clients.accepted, accepted_before) << "acknowledged while there was no Kafka";
        EXPECT_LT(descriptors_max, 150u);
        servers().kafka.start();
        const int accepted = clients.accepted;
        wait_until("ingest accepts again", [&] { return clients.accepted > accepted + 50; });
        resident_max = std::max(resident_max, ingest.process().resident_bytes());
        std::cout << "ingest: " << resident_before / mebibyte << " MB before, at most "
                  << resident_max / mebibyte << " MB in the outage; " << clients.accepted << " × 202, "
                  << clients.busy << " × 503\n";
        // The queue's 4 MB, what 24 clients have under way, and what allocators keep.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        EXPECT_LT(resident_max, resident_before + 32 * mebibyte);
#endif
        wait_until("ingest is ready again", [&] { return ingest.is_ready(); });
        EXPECT_EQ(clients.without_retry_after, 0);
        EXPECT_EQ(clients.lost, 0) << "connections were cut instead of answered";
        EXPECT_EQ(clients.other, 0) << "a temporary fault must be a 503, or clients drop events";
    }
    wait_until("the worker is ready again", [&] { return worker.is_ready(); });
    // What timed out towards the client may still come from the producer's queue: wait until that is empty.
    wait_until("the producer's queue is empty",
               [&] { return ingest.metric("activity_ingest_queue_messages") == 0; });
    harness::expect_ledger_holds(pipeline, ledger);
    expect_answers_hold(pipeline);
    EXPECT_TRUE(worker.process().running());
    EXPECT_TRUE(ingest.process().running());
}

/// A batch that takes longer than Kafka lets a member be silent must not cost the worker its partitions:
/// somebody else would get them, and the same batch.
TEST(OutageTest, a_store_longer_than_kafka_waits_for_a_member) {
    Pipeline pipeline;
    Ledger ledger;
    const auto ingest = pipeline.start_ingest();
    auto worker = pipeline.start_worker({{"ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", "6000"},
                                         {"ACTIVITY_KAFKA_OPTIONS", "max.poll.interval.ms=8000"},
                                         {"ACTIVITY_WORKER_BATCH_MAX_RECORDS", "50"}},
                                        1, "all");
    Load load(pipeline.ingest(), ledger, {.events_per_request = 10, .requests_per_second = 50});
    wait_until("the worker stores", [&] { return pipeline.stored() > 100; });
    const double rebalances = worker.metric("activity_worker_rebalances_total");
    {
        // Shorter than the five tries for a lock.
        harness::TableLock lock(pipeline.url(PostgresServer::As::superuser), "activity.event");
        std::this_thread::sleep_for(std::chrono::seconds(20));
        lock.release();
    }
    const std::int64_t stored = pipeline.stored();
    wait_until("the worker stores again", [&] { return pipeline.stored() > stored; });
    EXPECT_EQ(worker.metric("activity_worker_rebalances_total"), rebalances)
        << "it lost its place in the group";
    load.stop();
    harness::expect_ledger_holds(pipeline, ledger);
    expect_answers_hold(pipeline);
    EXPECT_EQ(ledger.count(Outcome::acknowledged), ledger.size());
}

/// PostgreSQL is restored to an earlier state while the worker runs: rows and offsets go back together, and
/// the worker follows the database, whatever Kafka has as committed.
TEST(OutageTest, database_restored_to_an_earlier_state) {
    Pipeline pipeline;
    Ledger ledger;
    const auto ingest = pipeline.start_ingest();
    Client client(pipeline.ingest(), ledger);
    const auto send = [&](int count) {
        std::vector<ClientEvent> events;
        for (int i = 0; i < count; ++i)
            events.push_back(harness::deed(harness::new_message_id(), "learner " + std::to_string(i),
                                           static_cast<std::size_t>(i)));
        const auto response = client.send(events);
        ASSERT_TRUE(response && response->status == 202);
    };
    const std::string backup = pipeline.database() + "_backup";
    {
        auto worker = pipeline.start_worker({}, 1, "all");
        send(100);
        wait_groups_caught_up(pipeline);
        EXPECT_EQ(worker.process().stop(SIGTERM, std::chrono::seconds(30)), (harness::Exit{0, 0}));
        servers().postgres.create_database(backup, pipeline.database());
    }
    auto worker = pipeline.start_worker({}, 1, "all");
    send(300);
    for (const auto group : wire::worker_groups) {
        wait_until("Kafka knows how far the worker is", [&] {
            std::int64_t committed = 0;
            for (const auto& [partition, offset] :
                 pipeline.kafka().committed(pipeline.group(std::string(group)), pipeline.event_topics()))
                committed += offset;
            return committed == 400;
        });
    }

    servers().postgres.rename_database(pipeline.database(), pipeline.database() + "_lost");
    ASSERT_EQ(harness::Session(servers().postgres.url(backup, PostgresServer::As::superuser))
                  .number("SELECT count(*) FROM activity.event"),
              100);
    servers().postgres.rename_database(backup, pipeline.database());
    send(1);
    harness::expect_ledger_holds(pipeline, ledger);
    expect_answers_hold(pipeline);
    EXPECT_EQ(pipeline.stored(), 401);
    EXPECT_TRUE(worker.process().running());
    servers().postgres.drop_database(pipeline.database() + "_lost");
}

}  // namespace
}  // namespace activity
