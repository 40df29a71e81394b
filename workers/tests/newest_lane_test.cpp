// Far behind, a group whose effect is the same in any order counts the newest events first, beside its
// backlog; and in the end each event once.

#include <gtest/gtest.h>
#include <csignal>
#include <string>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"

namespace activity {
namespace {

using harness::ClientEvent;
using harness::Ledger;
using harness::Pipeline;
using harness::wait_until;

constexpr int backlog = 3'000;

class NewestLaneTest : public ::testing::Test {
  protected:
    void send(int count, const std::string& course) {
        harness::Client client(pipeline_.ingest(), ledger_);
        for (int sent = 0; sent < count;) {
            std::vector<ClientEvent> events;
            for (; sent < count && events.size() < 100; ++sent)
                events.push_back(harness::track(harness::new_message_id(),
                                                "learner " + std::to_string(sent % 97), "Question Asked",
                                                R"({"courseId":")" + course + "\"}"));
            const auto response = client.send(events);
            ASSERT_TRUE(response);
            ASSERT_EQ(response->status, 202) << response->body;
        }
    }

    std::int64_t counted(const std::string& course) const {
        return pipeline_.session().number(
            "SELECT coalesce(sum(events), 0) FROM activity.rollup WHERE granularity = 'day' AND dimension = "
            "'course' AND "
            "value = '" +
            course + "'");
    }

    Pipeline pipeline_;
    Ledger ledger_;
    /// One record a transaction, so that the backlog takes its time.
    harness::Environment slow_{{"ACTIVITY_WORKER_BATCH_MAX_RECORDS", "1"},
                               {"ACTIVITY_WORKER_NEWEST_LANE_BEHIND_RECORDS", "50"},
                               {"ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", "3000"}};
};

TEST_F(NewestLaneTest, counts_new_events_before_the_backlog_is_done_and_each_once) {
    const auto ingest = pipeline_.start_ingest();
    send(backlog, "old");
    const auto worker = pipeline_.start_worker(slow_, 1, "rollups");
    // The lane looks every few seconds whether it is needed.
    int sent = 0;
    wait_until(
        "a new event is counted",
        [&] {
            send(8, "new");
            sent += 8;
            return counted("new") > 0;
        },
        harness::patience, std::chrono::milliseconds(200));
    EXPECT_FALSE(pipeline_.caught_up("rollups")) << "the backlog was too short for this test";
    EXPECT_LT(counted("old"), backlog);
    EXPECT_GT(worker.metric("activity_worker_records_stored_total", "group=\"rollups.newest\""), 0);

    pipeline_.wait_caught_up(Pipeline::patience_for_backlog, "rollups");
    EXPECT_EQ(counted("old"), backlog);
    EXPECT_EQ(counted("new"), sent);
    // What the lane has counted, the main lane met as repeats.
    EXPECT_EQ(worker.metric("activity_worker_records_stored_total"), backlog + sent);
    EXPECT_EQ(worker.metric("activity_worker_records_duplicate_total", "group=\"rollups\""),
              worker.metric("activity_worker_records_stored_total", "group=\"rollups.newest\""));
}

/// Killed anywhere, both lanes go on from what PostgreSQL says.
TEST_F(NewestLaneTest, loses_and_doubles_nothing_when_workers_are_killed) {
    const auto ingest = pipeline_.start_ingest();
    send(backlog / 2, "old");
    int sent = 0;
    for (int round = 0; round < 4; ++round) {
        auto worker = pipeline_.launch_worker(slow_, 1, "rollups");
        const std::int64_t before = pipeline_.progress();
        wait_until("the worker goes on", [&] {
            send(8, "new");
            sent += 8;
            return pipeline_.progress() > before + 300;
        });
        worker.process().kill();
    }
    const auto worker = pipeline_.start_worker(
        {{"ACTIVITY_WORKER_NEWEST_LANE_BEHIND_RECORDS", "50"}, {"ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", "3000"}},
        2, "rollups");
    pipeline_.wait_caught_up(Pipeline::patience_for_backlog, "rollups");
    EXPECT_EQ(counted("old"), backlog / 2);
    EXPECT_EQ(counted("new"), sent);
}

}  // namespace
}  // namespace activity
