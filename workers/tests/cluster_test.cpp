// Brokers of a cluster of three fall out: one does not matter, with two gone nothing is acknowledged.

#include <gtest/gtest.h>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"
#include "workers/tests/answers.h"

namespace activity {
namespace {

using harness::Ledger;
using harness::Load;
using harness::Outcome;
using harness::Pipeline;
using harness::wait_until;

/// Three brokers and all else share what a machine has: elections and recoveries take their time.
constexpr std::chrono::minutes patience{4};

class ClusterTest : public ::testing::Test {
  protected:
    harness::KafkaCluster cluster_;
    Pipeline pipeline_{cluster_.bootstrap()};
    Ledger ledger_;
    harness::Program ingest_ = pipeline_.start_ingest({{"ACTIVITY_INGEST_ACK_TIMEOUT_MS", "4000"}});
    harness::Program worker_ = pipeline_.start_worker({}, 1, "all");
    std::unique_ptr<Load> load_ = std::make_unique<Load>(
        pipeline_.ingest(), ledger_,
        harness::LoadSettings{
            .connections = 8, .requests_per_second = 200, .repeat_until_acknowledged = true});

    std::size_t acknowledged() const { return ledger_.count(Outcome::acknowledged); }

    void expect_all_well() {
        load_->stop();
        wait_until("the producer's queue is empty",
                   [&] { return ingest_.metric("activity_ingest_queue_messages") == 0; });
        harness::expect_ledger_holds(pipeline_, ledger_);
        testing_workers::expect_answers_hold(pipeline_);
        EXPECT_TRUE(worker_.process().running());
        EXPECT_TRUE(ingest_.process().running());
    }
};

TEST_F(ClusterTest, one_broker_of_three_killed_and_then_another) {
    wait_until("events are acknowledged", [&] { return acknowledged() > 300; });
    for (const std::size_t number : {0u, 1u}) {
        const std::size_t before = acknowledged();
        cluster_.node(number).kill();
        wait_until(
            "events are acknowledged again after the election", [&] { return acknowledged() > before + 600; },
            patience);
        const std::int64_t stored = pipeline_.stored();
        wait_until(
            "they are stored, too", [&] { return pipeline_.stored() > stored; }, patience);
        cluster_.node(number).start();
        // So that the next one does not take the last replica in sync with it.
        wait_until(
            "its replicas have caught up",
            [&] { return pipeline_.kafka().in_sync(pipeline_.event_topics()); }, patience);
    }
    expect_all_well();
}

TEST_F(ClusterTest, below_min_in_sync_replicas_nothing_is_acknowledged) {
    wait_until("events are acknowledged", [&] { return acknowledged() > 300; });
    cluster_.node(1).kill();
    cluster_.node(2).kill();
    wait_until("ingest answers 503",
               [&] { return ingest_.metric("activity_ingest_requests_total", "503") > 0; });
    const std::size_t before = acknowledged();
    std::this_thread::sleep_for(std::chrono::seconds(8));
    EXPECT_EQ(acknowledged(), before) << "acknowledged by one replica of three";
    cluster_.node(1).launch();
    cluster_.node(2).launch();
    cluster_.node(1).wait_until_it_answers();
    cluster_.node(2).wait_until_it_answers();
    wait_until(
        "events are acknowledged again", [&] { return acknowledged() > before + 300; }, patience);
    expect_all_well();
}

}  // namespace
}  // namespace activity
