#include "deploy/activityctl/learner.h"

#include <gmock/gmock.h>

#include "schemas/activity/learner_key.h"

namespace activity::ctl {
namespace {

using testing::ElementsAre;

TEST(Learner, IsAllTheIdsThatAreGiven) {
    const Learner learner{"web", "u1", {"a1", "a2", "a1", "u1"}};
    EXPECT_THAT(learner.ids(), ElementsAre("u1", "a1", "a2"));
    const auto keys = learner.keys();
    ASSERT_EQ(keys.size(), 3U);
    EXPECT_EQ(keys[1].record_key, "web/a1");
    EXPECT_EQ(keys[1].learner_key, learner_key("web/a1").text());
    EXPECT_EQ(keys[1].learner_key.size(), 36U);
}

TEST(Learner, IsNamedForPeople) {
    EXPECT_EQ((Learner{"web", "u\n1", {}}).text(), "user u\\x0a1 of web");
    EXPECT_EQ((Learner{"web", "u1", {"a1", "a2"}}).text(), "user u1 of web, and the anonymous IDs a1, a2");
}

TEST(Learner, GivesAnyIdToPostgresql) {
    EXPECT_EQ(event_parameters({"web", "a\"b\\c,{}", {}})[1], "{\"a\\\"b\\\\c,{}\"}");
}

}  // namespace
}  // namespace activity::ctl
