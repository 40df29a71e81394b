#include "schemas/activity/event.h"

#include <gtest/gtest.h>

namespace activity {
namespace {

ActivityEvent example() {
    ActivityEvent event;
    event.message_id = "m-\"1\"";
    event.type = EventType::group;
    event.activity = "Group Joined";
    event.user_id = "learner-1";
    event.anonymous_id = "anon'; DROP TABLE event;--";
    event.source = "web";
    event.occurred_at = parse_timestamp("2026-11-21T14:28:00.123456Z").value();
    event.received_at = parse_timestamp("2026-11-21T14:28:01Z").value();
    event.properties = R"({"courseId":"c1","n":[1,2.5,null]})";
    event.context = R"({"ip":"::1"})";
    event.extra = R"({"groupId":"g"})";
    event.marks = {Mark::schema_violation, Mark::message_id_made};
    return event;
}

Rejection rejection_of(const std::string& canonical) {
    EventReader reader;
    const auto result = reader.read(canonical);
    const auto* rejection = std::get_if<Rejection>(&result);
    EXPECT_NE(rejection, nullptr) << canonical;
    return rejection == nullptr ? Rejection{} : *rejection;
}

std::string with(std::string canonical, const std::string& what, const std::string& instead) {
    const auto at = canonical.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return canonical.replace(at, what.size(), instead);
}

TEST(CanonicalEvent, ReadsBackEqual) {
    EventReader reader;
    const auto result = reader.read(canonical_json(example()));
    ASSERT_TRUE(std::holds_alternative<ActivityEvent>(result)) << std::get<Rejection>(result).message;
    EXPECT_EQ(std::get<ActivityEvent>(result), example());
}

TEST(CanonicalEvent, LeavesOutWhatIsAbsent) {
    ActivityEvent event = example();
    event.user_id.clear();
    event.extra = "{}";
    event.marks.clear();
    const std::string text = canonical_json(event);
    EXPECT_EQ(text.find("userId"), std::string::npos);
    EXPECT_EQ(text.find("extra"), std::string::npos);
    EXPECT_EQ(text.find("marks"), std::string::npos);
    EventReader reader;
    EXPECT_EQ(std::get<ActivityEvent>(reader.read(text)), event);
    EXPECT_EQ(event.learner(), event.anonymous_id);
}

TEST(CanonicalEvent, OfAnotherHandIsReadStrictly) {
    const std::string good = canonical_json(example());
    EXPECT_EQ(rejection_of("not json").reason, Reason::malformed_json);
    EXPECT_EQ(rejection_of("[]").reason, Reason::wrong_type);
    EXPECT_EQ(rejection_of(with(good, "\"type\":\"group\"", "\"type\":\"x\"")).reason,
              Reason::unknown_event_type);
    EXPECT_EQ(rejection_of(with(good, "2026-11-21T14:28:01.000Z", "yesterday")).field, "receivedAt");
    EXPECT_EQ(rejection_of(with(good, "\"source\":\"web\"", "\"source\":7")).field, "source");
    EXPECT_EQ(rejection_of(with(good, "\"source\":\"web\",", "")).reason, Reason::missing_field);
    EXPECT_EQ(rejection_of(with(good, "\"source\"", "\"sauce\"")).field, "sauce");
    EXPECT_EQ(rejection_of(with(good, "\"source\":\"web\"", "\"source\":\"web\",\"source\":\"api\"")).reason,
              Reason::duplicate_key);
    EXPECT_EQ(rejection_of(with(good, "\"message_id_made\"", "\"made_up\"")).field, "marks");
    EXPECT_EQ(rejection_of(with(good, "\"message_id_made\"", "7")).field, "marks");
    EXPECT_EQ(rejection_of(with(good, "learner-1", "learner\\u0000")).reason, Reason::nul_character);
    EXPECT_EQ(rejection_of(with(good, "\"n\":[1,2.5,null]", "\"n\":[1,{\"x\":\"\\u0000\"}]")).field,
              "properties.n[1].x");
}

}  // namespace
}  // namespace activity
