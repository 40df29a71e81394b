// How far back a repeat is recognised, and what becomes of an event that is older than that: it is never
// applied without anybody knowing whether it was applied before.

#include <gtest/gtest.h>
#include <chrono>
#include <string>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"
#include "schemas/activity/event.h"
#include "schemas/activity/timestamp.h"
#include "schemas/activity/uuid.h"

namespace activity {
namespace {

using harness::KafkaRecord;
using harness::Pipeline;
using harness::wait_until;

class DedupeWindowTest : public ::testing::Test {
  protected:
    KafkaRecord record(const std::string& message_id, Timestamp at) const {
        ActivityEvent event;
        event.message_id = message_id;
        event.activity = "Question Asked";
        event.user_id = "learner";
        event.source = "web";
        event.occurred_at = event.received_at = at;
        KafkaRecord record;
        record.at = {pipeline_.topic("live-class"), 0};
        record.key = "web/learner";
        record.value = canonical_json(event);
        record.headers = {{"message-id", message_id}, {"attempt", "0"}};
        return record;
    }

    std::vector<KafkaRecord> dead_letters() { return pipeline_.kafka().read(pipeline_.dead_letter_topic()); }

    Pipeline pipeline_;
};

TEST_F(DedupeWindowTest, what_is_older_than_what_is_remembered_becomes_a_dead_letter) {
    const Timestamp long_ago = now() - std::chrono::days(40);
    const auto with_time = record(new_uuid_v7(long_ago), long_ago);
    const auto without_time = record("no time in this", long_ago);
    const auto worker = pipeline_.start_worker();
    for (const auto& one : {with_time, without_time}) pipeline_.kafka().write(one);
    wait_until("both are stored", [&] { return pipeline_.stored() == 2; });

    // Within the window a repeat is a repeat, however old.
    for (const auto& one : {with_time, without_time}) pipeline_.kafka().write(one);
    pipeline_.wait_caught_up();
    EXPECT_EQ(pipeline_.stored(), 2);
    EXPECT_TRUE(dead_letters().empty());

    pipeline_.session().query("SELECT activity.drop_partitions_before(current_date - 30)");
    EXPECT_EQ(pipeline_.stored(), 0);
    const auto today = record(new_uuid_v7(now()), now());
    for (const auto& one : {with_time, without_time, today}) pipeline_.kafka().write(one);
    pipeline_.wait_caught_up();
    EXPECT_EQ(pipeline_.stored(), 1) << "what was forgotten was applied again";
    const auto letters = dead_letters();
    ASSERT_EQ(letters.size(), 2u);
    for (const auto& letter : letters) {
        EXPECT_EQ(letter.header("dead-letter-reason"), "before_dedupe_window");
        EXPECT_NE(letter.header("dead-letter-detail"), "");
    }
    EXPECT_EQ(letters[0].value, with_time.value);
    EXPECT_EQ(letters[1].value, without_time.value);
}

/// The same for a group that counts: it knows what it has counted by a set of its own.
TEST_F(DedupeWindowTest, ends_where_a_group_has_forgotten) {
    const Timestamp long_ago = now() - std::chrono::days(40);
    const auto old = record(new_uuid_v7(long_ago), long_ago);
    const auto worker = pipeline_.start_worker({}, 1, "rollups");
    const auto counted = [&] {
        return pipeline_.session().number(
            "SELECT coalesce(sum(events), 0) FROM activity.rollup WHERE granularity = 'day' AND dimension = "
            "'all'");
    };
    for (int i = 0; i < 2; ++i) pipeline_.kafka().write(old);
    pipeline_.wait_caught_up(Pipeline::patience_for_backlog, "rollups");
    EXPECT_EQ(counted(), 1);
    EXPECT_EQ(
        pipeline_.activityctl({"partitions", "forget", "--older-than-days", "30", "--yes"}).substr(0, 1), "0")
        << "there was no partition of that day to drop, but rows of it";
    pipeline_.kafka().write(old);
    pipeline_.kafka().write(record(new_uuid_v7(now()), now()));
    pipeline_.wait_caught_up(Pipeline::patience_for_backlog, "rollups");
    EXPECT_EQ(counted(), 2);
    const auto letters = pipeline_.kafka().read(pipeline_.dead_letter_topic("rollups"));
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_EQ(letters[0].header("dead-letter-reason"), "before_dedupe_window");
    EXPECT_EQ(letters[0].value, old.value);
}

/// A clock that runs years ahead makes keys that no boundary reaches: what has them must not be forgotten by
/// the day on which it came. Nor does it matter what a session takes for a day.
TEST_F(DedupeWindowTest, a_key_from_the_future_is_remembered) {
    pipeline_.session().query("ALTER DATABASE " + pipeline_.database() +
                              " SET TimeZone = 'America/New_York'");
    const auto early = record(new_uuid_v7(now() + std::chrono::days(2'000)), now());
    const auto hashed = record("no time in this", now());
    const auto worker = pipeline_.start_worker({}, 1, "records,rollups");
    for (int i = 0; i < 2; ++i) {
        for (const auto& one : {early, hashed}) pipeline_.kafka().write(one);
        pipeline_.wait_caught_up(Pipeline::patience_for_backlog, "rollups");
        pipeline_.wait_caught_up();
        EXPECT_EQ(pipeline_.stored(), 2);
        EXPECT_EQ(pipeline_.session().number("SELECT sum(events) FROM activity.rollup WHERE granularity = "
                                             "'day' AND dimension = 'all'"),
                  2);
        // Everything up to today, as far as days of UTC go.
        pipeline_.session().query(
            "SELECT activity.drop_seen_before(day), activity.drop_partitions_before(day) FROM "
            "CAST(now() AT TIME ZONE 'UTC' AS date) AS day");
    }
    EXPECT_EQ(pipeline_.session().number("SELECT count(*) FROM activity.seen_rollups"), 2);
}

/// What was erased is to be kept nowhere, so not as a dead letter either.
TEST_F(DedupeWindowTest, an_erased_learners_old_event_leaves_no_dead_letter) {
    const Timestamp long_ago = now() - std::chrono::days(40);
    const auto worker = pipeline_.start_worker();
    pipeline_.session().query("SELECT activity.drop_partitions_before(current_date - 30)");
    pipeline_.activityctl({"erase", "--user", "learner", "--source", "web", "--yes"});
    pipeline_.kafka().write(record(new_uuid_v7(long_ago), long_ago));
    pipeline_.wait_caught_up();
    EXPECT_EQ(pipeline_.stored(), 0);
    EXPECT_EQ(worker.metric("activity_worker_records_erased_total"), 1);
    EXPECT_TRUE(dead_letters().empty());
}

/// The boundary moves while workers store: an event is stored or a dead letter, whichever came first, never
/// lost, and nothing is stored that was forgotten.
TEST_F(DedupeWindowTest, moves_under_load) {
    const auto worker = pipeline_.start_worker({}, 2);
    constexpr int rounds = 20;
    constexpr int a_round = 40;
    for (int round = 0; round < rounds; ++round) {
        const Timestamp day = now() - std::chrono::days(60 - round);
        pipeline_.session().query("SELECT activity.create_partition(current_date - " +
                                  std::to_string(60 - round) + ")");
        for (int i = 0; i < a_round; ++i) pipeline_.kafka().write(record(new_uuid_v7(day), day));
        if (round % 4 == 3) {
            pipeline_.session().query("SELECT activity.drop_partitions_before(current_date - " +
                                      std::to_string(60 - round + 1) + ")");
        }
    }
    pipeline_.wait_caught_up();
    // The last drop was in the last round: its own day and the one before are left.
    const auto kept = pipeline_.session().number(
        "SELECT count(*) FROM activity.event WHERE received_at < (SELECT dedupe_from FROM "
        "activity.worker_group WHERE "
        "name = 'records')");
    EXPECT_EQ(kept, 0) << "stored behind the boundary";
    const auto stored_in_all = worker.metric("activity_worker_records_stored_total");
    EXPECT_EQ(stored_in_all + static_cast<double>(dead_letters().size()), rounds * a_round);
}

}  // namespace
}  // namespace activity
