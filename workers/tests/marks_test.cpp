// What the front door noticed about an event, from the record to the analysts' view.

#include <gtest/gtest.h>
#include <chrono>
#include <string>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "schemas/activity/event.h"
#include "schemas/activity/timestamp.h"
#include "schemas/activity/uuid.h"

namespace activity {
namespace {

using harness::Pipeline;
using harness::PostgresServer;

class MarksTest : public ::testing::Test {
  protected:
    /// Returns the message ID.
    std::string write(const std::vector<Mark>& marks, Timestamp at = now()) {
        ActivityEvent event;
        event.message_id = new_uuid_v7(at);
        event.activity = "Question Asked";
        event.user_id = "learner";
        event.source = "web";
        event.occurred_at = event.received_at = at;
        event.marks = marks;
        pipeline_.kafka().write({{pipeline_.topic("live-class"), 0}, -1, "k", canonical_json(event), {}});
        return event.message_id;
    }

    /// As analysts see them; "-" for NULL.
    std::string marks_of(const std::string& message_id) {
        return pipeline_.session(PostgresServer::As::analyst)
            .value(
                "SELECT coalesce(array_to_string(marks, ','), '-') FROM analytics.event WHERE message_id = "
                "'" +
                message_id + "'");
    }

    Pipeline pipeline_;
};

TEST_F(MarksTest, marks_are_stored_with_the_event) {
    const auto worker = pipeline_.start_worker();
    const auto none = write({});
    const auto one = write({Mark::time_out_of_window});
    const auto all = write({Mark::schema_violation, Mark::time_out_of_window, Mark::message_id_made});
    pipeline_.wait_caught_up();
    EXPECT_EQ(marks_of(none), "-");
    EXPECT_EQ(marks_of(one), "time_out_of_window");
    EXPECT_EQ(marks_of(all), "schema_violation,time_out_of_window,message_id_made");
    EXPECT_EQ(pipeline_.session().number(
                  "SELECT count(*) FROM analytics.event WHERE 'schema_violation' = ANY (marks)"),
              1);
}

/// Columns that a later migration added stand in the same order in every partition.
TEST_F(MarksTest, marks_move_with_their_row_when_a_day_gets_its_partition) {
    const auto worker = pipeline_.start_worker();
    const auto late = write({Mark::message_id_made}, now() - std::chrono::days(5));
    pipeline_.wait_caught_up();
    const auto partition = [&] {
        return pipeline_.session().value("SELECT tableoid::regclass FROM activity.event");
    };
    ASSERT_EQ(partition(), "activity.event_default");
    pipeline_.activityctl({"partitions", "create", "--days-ahead", "2", "--days-back", "9"});
    EXPECT_NE(partition(), "activity.event_default");
    EXPECT_EQ(marks_of(late), "message_id_made");
    EXPECT_EQ(pipeline_.session().number("SELECT count(*) FROM pg_attribute WHERE attname = 'marks' "
                                         "AND attrelid = '" +
                                         partition() +
                                         "'::regclass "
                                         "AND col_description(attrelid, attnum) IS NOT NULL"),
              1);
}

}  // namespace
}  // namespace activity
