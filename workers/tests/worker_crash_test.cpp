// Workers that die, or are taken for dead, at the worst moments: every message is stored once all the same.
// The moments are brought about from outside, by PostgreSQL's own locks and signals: production code has no
// hooks.

#include <gtest/gtest.h>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/seed.h"
#include "deploy/stack/harness/wait.h"
#include "schemas/wire/group_topics.h"
#include "workers/tests/answers.h"

namespace activity {
namespace {

using harness::Client;
using harness::ClientEvent;
using harness::Environment;
using harness::Exit;
using harness::Ledger;
using harness::Load;
using harness::Pipeline;
using harness::PostgresServer;
using harness::Program;
using harness::TableLock;
using harness::wait_until;
using testing_workers::expect_answers_hold;
using testing_workers::wait_groups_caught_up;

/// A dead member of the group is noticed within seconds, not within the production setting's 45.
const Environment short_session{{"ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", "2000"}};

constexpr auto groups = static_cast<std::int64_t>(wire::worker_groups.size());

class WorkerCrashTest : public ::testing::Test {
  protected:
    std::string superuser() const { return pipeline_.url(PostgresServer::As::superuser); }

    /// Sends so many events, spread over the partitions of one topic.
    void send(int count) {
        std::vector<ClientEvent> events;
        for (int i = 0; i < count; ++i)
            events.push_back(harness::deed(harness::new_message_id(), "learner " + std::to_string(i % 40),
                                           static_cast<std::size_t>(i), true));
        send(std::move(events));
    }
    void send(std::vector<ClientEvent> events) {
        const auto response = Client(pipeline_.ingest(), ledger_).send(events);
        ASSERT_TRUE(response);
        ASSERT_EQ(response->status, 202) << response->body;
        sent_ = std::move(events);
    }

    /// How many of the workers' database sessions are in such a state.
    std::int64_t worker_sessions(const std::string& condition) const {
        return pipeline_.session().number(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'worker' AND datname = current_database() "
            "AND " +
            condition);
    }

    /// So many of the worker's transactions stand still in the middle: they wait for our lock.
    void wait_in_transaction(std::int64_t transactions = 1) const {
        wait_until("a worker waits for the lock inside its transaction",
                   [&] { return worker_sessions("wait_event_type = 'Lock'") >= transactions; });
    }

    /// While `table` is locked in that mode so many groups come no further in their transactions.
    void kill_in_transaction(const std::string& table, const std::string& mode, std::int64_t waiting);

    void expect_all_holds() {
        harness::expect_ledger_holds(pipeline_, ledger_);
        expect_answers_hold(pipeline_);
    }

    Pipeline pipeline_;
    Ledger ledger_;
    std::vector<ClientEvent> sent_;  ///< by the last send()
};

/// Turns COMMITs into ones that are durable but never reported: they wait for a standby that does not exist.
/// Ends with the value.
class UnreportedCommits {
  public:
    UnreportedCommits() { set("'nobody'"); }
    ~UnreportedCommits() { end(); }
    UnreportedCommits(const UnreportedCommits&) = delete;
    UnreportedCommits& operator=(const UnreportedCommits&) = delete;

    void end() {
        if (std::exchange(ended_, true)) return;
        set("''");
    }

  private:
    static void set(const std::string& value) {
        harness::Session session(harness::servers().postgres.url("postgres", PostgresServer::As::superuser));
        pqxx::nontransaction work(session.connection());
        work.exec("SET synchronous_commit = local");
        work.exec("ALTER SYSTEM SET synchronous_standby_names = " + value);
        work.exec("SELECT pg_reload_conf()");
    }

    bool ended_ = false;
};

TEST_F(WorkerCrashTest, killed_between_the_databases_commit_and_kafkas) {
    const auto ingest = pipeline_.start_ingest();
    auto worker = pipeline_.start_worker(short_session, 1, "all");
    send(50);
    wait_groups_caught_up(pipeline_);

    UnreportedCommits unreported;
    send(50);
    wait_until("every group's commit is durable, and not reported",
               [&] { return worker_sessions("wait_event = 'SyncRep'") >= groups; });
    worker.process().kill();
    unreported.end();
    wait_until("the commit shows", [&] { return worker_sessions("true") == 0; });
    const std::int64_t stored = pipeline_.stored();
    ASSERT_GT(stored, 50) << "the last commit did not take place";
    for (const auto name : wire::worker_groups) {
        const auto group = pipeline_.group(std::string(name));
        std::int64_t committed = 0;
        for (const auto& [partition, offset] : pipeline_.kafka().committed(group, pipeline_.event_topics()))
            committed += offset;
        ASSERT_LT(committed,
                  pipeline_.session().number(
                      "SELECT sum(next_offset) FROM activity.part_offset WHERE grp = '" + group + "'"))
            << "Kafka knows of the last commit of " << name << ", so this proves nothing";
    }

    const auto next_worker = pipeline_.start_worker(short_session, 1, "all");
    expect_all_holds();
    EXPECT_EQ(pipeline_.stored(), 100);
    // It went on from PostgreSQL's offset: what was committed there did not even come again.
    EXPECT_EQ(next_worker.metric("activity_worker_records_duplicate_total"), 0);
    EXPECT_EQ(next_worker.metric("activity_worker_records_stored_total", "group=\"records\""),
              static_cast<double>(100 - stored));
}

void WorkerCrashTest::kill_in_transaction(const std::string& table, const std::string& mode,
                                          std::int64_t waiting) {
    const auto ingest = pipeline_.start_ingest();
    auto worker = pipeline_.start_worker(short_session, 1, "all");
    TableLock lock(superuser(), table, mode);
    send(100);
    wait_in_transaction(waiting);
    worker.process().kill();
    EXPECT_EQ(pipeline_.stored(), 0);

    // The dead worker's session still waits and holds the fence: the next worker waits for it, then goes on.
    const auto next_worker = pipeline_.launch_worker(short_session, 1, "all");
    lock.release();
    expect_all_holds();
    EXPECT_EQ(pipeline_.stored(), 100);
}

TEST_F(WorkerCrashTest, killed_in_the_middle_of_its_transaction) {
    kill_in_transaction("activity.event", "EXCLUSIVE", 1);
}

/// Behind the fence a transaction looks at the boundary of what is known, whatever its group.
TEST_F(WorkerCrashTest, killed_in_the_middle_of_the_transactions_of_all_groups) {
    kill_in_transaction("activity.worker_group", "ACCESS EXCLUSIVE", groups);
}

TEST_F(WorkerCrashTest, session_lost_after_a_commit_that_was_not_reported) {
    const auto ingest = pipeline_.start_ingest();
    auto worker = pipeline_.start_worker({}, 1, "all");
    {
        const UnreportedCommits unreported;
        send(100);
        // Sessions and profiles write to the same rows: one of them waits for the other.
        wait_until("the groups' commits are durable, and not reported",
                   [&] { return worker_sessions("wait_event = 'SyncRep'") >= groups - 1; });
        pipeline_.session().query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'worker' AND datname = "
            "current_database()");
    }
    // In doubt: PostgreSQL's offsets tell it that the batch is in.
    expect_all_holds();
    EXPECT_EQ(pipeline_.stored(), 100);
    EXPECT_TRUE(worker.process().running());
    wait_until("the worker is ready again", [&] { return worker.is_ready(); });
}

TEST_F(WorkerCrashTest, session_lost_in_the_middle_of_its_transaction) {
    const auto ingest = pipeline_.start_ingest();
    auto worker = pipeline_.start_worker({}, 1, "all");
    TableLock lock(superuser(), "activity.event");
    send(100);
    wait_in_transaction();
    pipeline_.session().query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'worker' AND datname = "
        "current_database()");
    lock.release();
    expect_all_holds();
    EXPECT_EQ(pipeline_.stored(), 100);
    EXPECT_TRUE(worker.process().running());
}

/// Twenty kills at random moments, two workers, under load. They have names of their own, as in a deployment,
/// so that one that comes back gets its partitions at once.
TEST_F(WorkerCrashTest, killed_twenty_times_at_random_under_load) {
    std::mt19937 random(harness::seed());

    const auto ingest = pipeline_.start_ingest();
    const auto start = [&](std::size_t number) {
        return pipeline_.launch_worker({{"ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", "3000"},
                                        {"ACTIVITY_KAFKA_INSTANCE_ID", "worker-" + std::to_string(number)},
                                        {"ACTIVITY_WORKER_BATCH_MAX_RECORDS", "50"},
                                        {"ACTIVITY_WORKER_BATCH_MAX_AGE_MS", "20"}},
                                       1, "all");
    };
    std::vector<Program> workers;
    for (std::size_t number : {0u, 1u}) workers.push_back(start(number));
    for (Program& worker : workers) worker.wait_ready();

    Load load(pipeline_.ingest(), ledger_, {.events_per_request = 10, .requests_per_second = 100});
    std::uniform_int_distribution<int> pause_ms(0, 600), which(0, 1);
    for (int kill = 0; kill < 20; ++kill) {
        const auto number = static_cast<std::size_t>(which(random));
        // Now and then a worker dies before it has stored anything; otherwise while it stores.
        if (kill % 4 != 0) {
            const std::int64_t before = pipeline_.progress();
            wait_until("the workers store something", [&] { return pipeline_.progress() > before; });
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms(random)));
        workers[number].process().kill();
        workers[number] = start(number);
    }
    load.stop();
    expect_all_holds();
    EXPECT_EQ(ledger_.count(harness::Outcome::acknowledged), ledger_.size());
}

/// The network between PostgreSQL and a worker breaks at random moments under load: commits in doubt.
TEST_F(WorkerCrashTest, sessions_killed_at_random_under_load) {
    const auto ingest = pipeline_.start_ingest();
    auto worker = pipeline_.start_worker(
        {{"ACTIVITY_WORKER_BATCH_MAX_RECORDS", "50"}, {"ACTIVITY_WORKER_BATCH_MAX_AGE_MS", "10"}}, 2, "all");
    Load load(pipeline_.ingest(), ledger_, {.events_per_request = 10, .requests_per_second = 100});
    for (int kill = 0; kill < 15; ++kill) {
        const std::int64_t before = pipeline_.progress();
        wait_until("the worker stores something", [&] { return pipeline_.progress() > before; });
        pipeline_.session().query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'worker' AND datname = "
            "current_database()");
    }
    load.stop();
    expect_all_holds();
    EXPECT_TRUE(worker.process().running());
}

/// A worker that is stopped past its session with a batch in its hands, while another one takes its
/// partitions over and stores that batch; then it is continued. Its fence must refuse. With one group, so
/// that whoever waits for a lock is told apart.
TEST_F(WorkerCrashTest, a_zombie_stores_nothing) {
    const auto ingest = pipeline_.start_ingest();
    auto zombie = pipeline_.start_worker(short_session);
    send(40);
    pipeline_.wait_caught_up();
    // After repeats a worker stages its rows for a while: then it holds none of them while it waits for the
    // fence, and its successor need not wait until PostgreSQL ends its session.
    send(sent_);
    pipeline_.wait_caught_up();

    // It comes as far as its fence: the first write of its transaction, for which it has the batch in its
    // hands.
    TableLock lock(superuser(), "activity.part_offset");
    send(100);
    wait_in_transaction();
    zombie.process().signal(SIGSTOP);

    auto successor = pipeline_.launch_worker(short_session);
    wait_until("the successor claims the partitions",
               [&] { return worker_sessions("wait_event_type = 'Lock'") > 1; });
    // The successor's claim and the zombie's fence now wait for the same lock, and PostgreSQL would let the
    // fence in first, rightly. This is the claim that gets in before it.
    lock.execute("UPDATE activity.part_offset SET epoch = epoch + 1, owner = 'the test'");
    lock.release();
    successor.wait_ready();
    harness::expect_ledger_holds(pipeline_, ledger_);
    ASSERT_EQ(pipeline_.stored(), 140);
    EXPECT_EQ(successor.metric("activity_worker_records_stored_total"), 100);

    const std::string rows = "SELECT md5(string_agg(t::text, '' ORDER BY message_key)) FROM activity.event t";
    const std::string before = pipeline_.session().value(rows);
    zombie.process().signal(SIGCONT);
    wait_until("the zombie learns that it was refused", [&] {
        return zombie.metric("activity_worker_transactions_failed_total", "kind=\"fenced\"") > 0;
    });
    // Once again a member like any other, it shares the work.
    wait_until("both are members of the group",
               [&] { return pipeline_.kafka().members(pipeline_.group()) == 2; });
    EXPECT_EQ(pipeline_.session().value(rows), before);
    EXPECT_EQ(zombie.metric("activity_worker_records_stored_total"), 40);
    send(100);
    harness::expect_ledger_holds(pipeline_, ledger_);
    EXPECT_EQ(pipeline_.stored(), 240);
    EXPECT_TRUE(zombie.process().running());
}

/// The same without any lock: stopped at a random moment with a backlog in its hands and its buffers.
TEST_F(WorkerCrashTest, a_zombie_with_a_backlog_stores_nothing_that_its_successor_has_stored) {
    const auto ingest = pipeline_.start_ingest();
    for (int i = 0; i < 40; ++i) send(500);
    auto zombie = pipeline_.start_worker(
        {{"ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", "2000"}, {"ACTIVITY_WORKER_BATCH_MAX_RECORDS", "100"}}, 1,
        "all");
    wait_until(
        "it has stored something", [&] { return pipeline_.stored() > 1'000; }, harness::patience,
        std::chrono::milliseconds(1));
    zombie.process().signal(SIGSTOP);
    ASSERT_LT(pipeline_.stored(), 20'000) << "the backlog was too short for this test";

    // If it was stopped inside its transaction it holds the fence until PostgreSQL ends its session.
    auto successor = pipeline_.launch_worker(short_session, 1, "all");
    harness::expect_ledger_holds(pipeline_, ledger_);
    zombie.process().signal(SIGCONT);
    for (const auto group : wire::worker_groups)
        wait_until("both are members of the group",
                   [&] { return pipeline_.kafka().members(pipeline_.group(std::string(group))) == 2; });
    send(100);
    expect_all_holds();
    EXPECT_EQ(pipeline_.stored(), 20'100);
    EXPECT_TRUE(zombie.process().running());
}

}  // namespace
}  // namespace activity
