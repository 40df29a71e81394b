// Networks that are cut: packets vanish and nobody gets an error. The programs under test run on a host of
// their own (a network namespace) with one link to Kafka, one to PostgreSQL and one to the test. Needs root.

#include <gtest/gtest.h>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "deploy/stack/harness/network.h"
#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"
#include "schemas/wire/group_topics.h"
#include "workers/tests/answers.h"

namespace activity {
namespace {

using harness::Environment;
using harness::FarHost;
using harness::Ledger;
using harness::Load;
using harness::Outcome;
using harness::Pipeline;
using harness::PostgresServer;
using harness::Program;
using harness::servers;
using harness::TableLock;
using harness::wait_until;

enum Link : std::size_t { to_kafka, to_postgres, to_test, links };

const Environment short_session{{"ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", "3000"}};
constexpr const char* of_records = "group=\"records\"";

class NetworkTest : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!FarHost::possible()) GTEST_SKIP() << "network namespaces need root";
        host_ = std::make_unique<FarHost>(links);
        kafka_there_ = servers().kafka.listen_also_on(host_->here(to_kafka));
        servers().postgres.stop();
        servers().postgres.start({.launcher = {}, .also_listen = host_->here(to_postgres)});
        pipeline_ = std::make_unique<Pipeline>();
    }

    Program start_worker_there() {
        Environment settings = short_session;
        settings.insert({{"ACTIVITY_KAFKA_BOOTSTRAP", kafka_there_},
                         {"ACTIVITY_POSTGRES_URL",
                          servers().postgres.url(pipeline_->database(), PostgresServer::As::worker,
                                                 host_->here(to_postgres))},
                         {"ACTIVITY_ADMIN_ADDRESS", host_->there(to_test) + ":9101"}});
        Program worker = pipeline_->launch_worker_at({host_->launcher(), settings}, "all");
        worker.wait_ready();
        return worker;
    }

    std::int64_t worker_sessions(const std::string& condition) {
        return pipeline_->session().number(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'worker' AND datname = current_database() "
            "AND " +
            condition);
    }

    void expect_all_holds() {
        harness::expect_ledger_holds(*pipeline_, ledger_);
        testing_workers::expect_answers_hold(*pipeline_);
    }

    std::unique_ptr<FarHost> host_;
    std::string kafka_there_;
    std::unique_ptr<Pipeline> pipeline_;
    Ledger ledger_;
};

TEST_F(NetworkTest, ingest_cut_off_from_kafka) {
    const harness::Endpoint address{host_->there(to_test), 9080};
    auto ingest =
        pipeline_->launch_ingest_at({host_->launcher(),
                                     {{"ACTIVITY_KAFKA_BOOTSTRAP", kafka_there_},
                                      {"ACTIVITY_INGEST_ADDRESS", address.text()},
                                      {"ACTIVITY_INGEST_ACK_TIMEOUT_MS", "3000"},
                                      {"ACTIVITY_ADMIN_ADDRESS", host_->there(to_test) + ":9081"}}});
    ingest.wait_ready();
    auto worker = pipeline_->start_worker({}, 1, "all");
    Load load(address, ledger_, {.connections = 16, .requests_per_second = 400});
    wait_until("events are acknowledged", [&] { return ledger_.count(Outcome::acknowledged) > 500; });
    const std::size_t resident_before = ingest.process().resident_bytes();

    host_->cut(to_kafka);
    wait_until("ingest answers 503",
               [&] { return ingest.metric("activity_ingest_requests_total", "503") > 0; });
    const std::size_t acknowledged = ledger_.count(Outcome::acknowledged);
    std::this_thread::sleep_for(std::chrono::seconds(10));
    EXPECT_EQ(ledger_.count(Outcome::acknowledged), acknowledged) << "acknowledged without Kafka";
    EXPECT_TRUE(ingest.is_live());
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_LT(ingest.process().resident_bytes(), resident_before + 32 * 1'048'576);
#endif

    host_->mend(to_kafka);
    wait_until("events are acknowledged again",
               [&] { return ledger_.count(Outcome::acknowledged) > acknowledged + 500; });
    load.stop();
    wait_until("the producer's queue is empty",
               [&] { return ingest.metric("activity_ingest_queue_messages") == 0; });
    expect_all_holds();
}

/// A zombie: Kafka gives its partitions to another, but PostgreSQL still listens to it.
TEST_F(NetworkTest, worker_cut_off_from_kafka) {
    const auto ingest = pipeline_->start_ingest();
    auto zombie = start_worker_there();
    harness::Client client(pipeline_->ingest(), ledger_);
    const auto send = [&](int count) {
        std::vector<harness::ClientEvent> events;
        for (int i = 0; i < count; ++i)
            events.push_back(harness::deed(harness::new_message_id(), "learner " + std::to_string(i),
                                           static_cast<std::size_t>(i)));
        const auto response = client.send(events);
        ASSERT_TRUE(response && response->status == 202);
    };
    send(40);
    pipeline_->wait_caught_up();

    // The batch of `records` waits in PostgreSQL, on its way into the table; the fence comes after that.
    TableLock lock(pipeline_->url(PostgresServer::As::superuser), "activity.event");
    send(100);
    wait_until("the batch waits in PostgreSQL",
               [&] { return worker_sessions("wait_event_type = 'Lock'") > 0; });
    const auto epoch = [&] {
        return pipeline_->session().number("SELECT min(epoch) FROM activity.part_offset WHERE grp = '" +
                                           pipeline_->group() + "'");
    };
    const std::int64_t epoch_before = epoch();
    host_->cut(to_kafka);
    auto successor = pipeline_->launch_worker(short_session, 1, "all");
    wait_until("the successor has claimed the partitions", [&] { return epoch() > epoch_before; });
    lock.release();
    successor.wait_ready();
    wait_until("the zombie learns that it was refused", [&] {
        return zombie.metric("activity_worker_transactions_failed_total", "kind=\"fenced\"") > 0;
    });
    // The outbox of the profiles was the zombie's, which can't send: it gives it back.
    expect_all_holds();
    EXPECT_EQ(pipeline_->stored(), 140);
    EXPECT_EQ(zombie.metric("activity_worker_records_stored_total", of_records), 40);

    host_->mend(to_kafka);
    wait_until("both are members of the group",
               [&] { return pipeline_->kafka().members(pipeline_->group()) == 2; });
    send(100);
    expect_all_holds();
    EXPECT_EQ(pipeline_->stored(), 240);
    EXPECT_TRUE(zombie.process().running());
}

/// The rows of the offsets stay locked by a session whose client is gone without a word, until PostgreSQL
/// ends it.
TEST_F(NetworkTest, worker_cut_off_from_postgresql_while_it_holds_the_fence) {
    const auto ingest = pipeline_->start_ingest();
    auto cut_off = start_worker_there();
    Load load(pipeline_->ingest(), ledger_, {.events_per_request = 5, .requests_per_second = 50});
    wait_until("it stores", [&] { return pipeline_->stored() > 100; });

    // Behind the fence a transaction looks at the boundary of what is known.
    TableLock lock(pipeline_->url(PostgresServer::As::superuser), "activity.worker_group",
                   "ACCESS EXCLUSIVE");
    wait_until("it holds the fence of every group and waits", [&] {
        return worker_sessions("wait_event_type = 'Lock'") >=
               static_cast<std::int64_t>(wire::worker_groups.size());
    });
    host_->cut(to_postgres);
    lock.release();
    wait_until("its session waits for it in vain",
               [&] { return worker_sessions("state = 'idle in transaction'") > 0; });

    const auto began = std::chrono::steady_clock::now();
    auto successor = pipeline_->start_worker(short_session, 1, "all");
    const std::int64_t stored = pipeline_->stored();
    wait_until("the successor stores", [&] {
        return successor.metric("activity_worker_records_stored_total", of_records) > 0 &&
               pipeline_->stored() > stored;
    });
    std::cout << "stored again "
              << std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count()
              << " s after another worker came\n";
    EXPECT_TRUE(cut_off.is_live());
    host_->mend(to_postgres);
    load.stop();
    expect_all_holds();
    EXPECT_EQ(ledger_.count(Outcome::acknowledged), ledger_.size());
    EXPECT_TRUE(cut_off.process().running());
}

}  // namespace
}  // namespace activity
