// Programs that are told to end, or just die, under load: no acknowledged event is missing.

#include <gtest/gtest.h>
#include <csignal>
#include <optional>
#include <string>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"

namespace activity {
namespace {

using harness::Exit;
using harness::Ledger;
using harness::Load;
using harness::LoadSettings;
using harness::Outcome;
using harness::Pipeline;
using harness::Program;
using harness::wait_until;

/// As many connections as keep the reactors busy.
const LoadSettings heavy{.connections = 16,
                         .events_per_request = 3,
                         .requests_per_second = 800,
                         .repeat_until_acknowledged = true};

TEST(ShutdownTest, ingest_ends_cleanly_under_load) {
    Pipeline pipeline;
    Ledger ledger;
    const auto worker = pipeline.start_worker();
    for (const int signal : {SIGTERM, SIGINT, SIGTERM}) {
        auto ingest = pipeline.start_ingest();
        Load load(pipeline.ingest(), ledger, heavy);
        const std::size_t before = ledger.count(Outcome::acknowledged);
        wait_until("the load is under way",
                   [&] { return ledger.count(Outcome::acknowledged) > before + 500; });
        EXPECT_EQ(ingest.process().stop(signal, std::chrono::seconds(60)), (Exit{0, 0}));
        EXPECT_THROW(harness::Connection(pipeline.ingest()), harness::ConnectionLost);
    }
    harness::expect_ledger_holds(pipeline, ledger);
}

/// An idle connection does not hold up the end, and one with a request in flight gets its answer, marked as
/// the last.
TEST(ShutdownTest, ingest_answers_what_it_has_taken) {
    Pipeline pipeline;
    auto ingest = pipeline.start_ingest({{"ACTIVITY_KAFKA_OPTIONS", "linger.ms=1000"}});
    harness::Connection idle(pipeline.ingest()), busy(pipeline.ingest());
    busy.send(harness::http_request("POST", "/v1/track", harness::track("last", "u", "Question Asked").json,
                                    {{"Authorization", harness::authorization()}}));
    wait_until("the request is under way",
               [&] { return ingest.metric("activity_ingest_queue_messages") > 0; });
    ingest.process().signal(SIGTERM);
    const auto response = busy.receive();
    EXPECT_EQ(response.status, 202) << response.body;
    EXPECT_EQ(response.header("connection"), "close");
    EXPECT_EQ(ingest.process().wait(std::chrono::seconds(60)), (Exit{0, 0}));
    EXPECT_EQ(pipeline.kafka().written(pipeline.event_topics()), 1);
}

/// kill -9 with requests in flight: clients send the same IDs again, and nobody counts them twice.
TEST(ShutdownTest, ingest_killed_with_requests_in_flight) {
    Pipeline pipeline;
    Ledger ledger;
    const auto worker = pipeline.start_worker();
    std::optional<Program> ingest = pipeline.start_ingest();
    {
        Load load(pipeline.ingest(), ledger, heavy);
        for (int kill = 0; kill < 3; ++kill) {
            const std::size_t before = ledger.count(Outcome::acknowledged);
            wait_until("the load is under way",
                       [&] { return ledger.count(Outcome::acknowledged) > before + 500; });
            ingest->process().kill();
            ingest.emplace(pipeline.start_ingest());
        }
        const std::size_t before = ledger.count(Outcome::acknowledged);
        wait_until("clients come back", [&] { return ledger.count(Outcome::acknowledged) > before + 500; });
    }
    harness::expect_ledger_holds(pipeline, ledger);
    EXPECT_EQ(ledger.count(Outcome::acknowledged), ledger.size())
        << "every client repeats until it has its answer";
    EXPECT_GT(ledger.attempts(), ledger.size()) << "nothing was in flight, so this proves nothing";
}

/// A worker that is told to end gives its partitions back at once: the others need not wait for its session.
TEST(ShutdownTest, worker_ends_cleanly_under_load) {
    Pipeline pipeline;
    Ledger ledger;
    const auto ingest = pipeline.start_ingest();
    std::optional<Program> worker = pipeline.start_worker({}, 2);
    Load load(pipeline.ingest(), ledger, {.events_per_request = 5, .requests_per_second = 200});
    for (const int signal : {SIGTERM, SIGINT, SIGTERM}) {
        std::optional<Program> next = pipeline.start_worker();
        const std::int64_t before = pipeline.progress();
        wait_until("the workers store", [&] { return pipeline.progress() > before + 200; });
        EXPECT_EQ(worker->process().stop(signal, std::chrono::seconds(30)), (Exit{0, 0}));
        // Much less than a session of 45 s.
        wait_until(
            "the worker has left the group", [&] { return pipeline.kafka().members(pipeline.group()) == 1; },
            std::chrono::seconds(20));
        worker = std::move(next);
    }
    load.stop();
    harness::expect_ledger_holds(pipeline, ledger);
    EXPECT_EQ(ledger.count(Outcome::acknowledged), ledger.size());
}

/// Told to end while it can't do its work: it must not wait for PostgreSQL to come back.
TEST(ShutdownTest, worker_ends_in_the_middle_of_an_outage) {
    Pipeline pipeline;
    Ledger ledger;
    const auto ingest = pipeline.start_ingest();
    auto worker = pipeline.start_worker();
    {
        Load load(pipeline.ingest(), ledger);
        wait_until("the worker stores", [&] { return pipeline.stored() > 50; });
        harness::servers().postgres.stop();
        wait_until("the worker is paused", [&] { return !worker.is_ready(); });
        EXPECT_EQ(worker.process().stop(SIGTERM, std::chrono::seconds(30)), (Exit{0, 0}));
        harness::servers().postgres.start();
    }
    const auto next = pipeline.start_worker();
    harness::expect_ledger_holds(pipeline, ledger);
}

}  // namespace
}  // namespace activity
