#include "schemas/activity/learner_key.h"

#include <gtest/gtest.h>

#include "schemas/wire/record.h"

namespace activity {
namespace {

TEST(LearnerKeyTest, IsThatOfTheRecordsKey) {
    ActivityEvent event;
    event.source = "web";
    event.anonymous_id = "device";
    EXPECT_EQ(learner_key(event), learner_key("web/device"));
    event.user_id = "u1";
    EXPECT_EQ(learner_key(event), learner_key(wire::record_key(event)));
    EXPECT_NE(learner_key(event), learner_key("web/device"));
    EXPECT_NE(learner_key(event), learner_key("app/u1"));
}

/// It lies in databases: whoever changes it makes other people of all learners.
TEST(LearnerKeyTest, StaysAsItIs) {
    EXPECT_EQ(learner_key("web/u1").text(), "dec55b5e-eddb-5af4-ad68-1066a00446d3");
}

}  // namespace
}  // namespace activity
