#include "workers/loop/conflicts.h"

#include <gtest/gtest.h>

#include <functional>
#include <utility>
#include <vector>

namespace activity::workers {
namespace {

ActivityEvent event() {
    ActivityEvent event;
    event.message_id = "m1";
    event.activity = "Question Asked";
    event.user_id = "learner";
    event.anonymous_id = "browser";
    event.source = "web";
    event.occurred_at = event.received_at = *parse_timestamp("2026-01-01T00:00:00Z");
    event.properties = R"({"a":1,"b":[true,{"c":"d"}]})";
    return event;
}

bool same(const std::function<void(ActivityEvent&)>& change) {
    PayloadComparison comparison;
    ActivityEvent again = event();
    change(again);
    return comparison.same(event(), again);
}

bool same_properties(const std::string& first, const std::string& again) {
    PayloadComparison comparison;
    ActivityEvent a = event();
    ActivityEvent b = event();
    a.properties = first;
    b.properties = again;
    return comparison.same(a, b) && comparison.same(b, a);
}

TEST(ConflictsTest, ARepeatMayComeLaterFromElsewhere) {
    EXPECT_TRUE(same([](ActivityEvent& again) {
        again.received_at = *parse_timestamp("2026-01-02T00:00:00Z");
        again.occurred_at = *parse_timestamp("2026-01-01T00:00:01Z");
        again.context = R"({"ip":"192.0.2.0"})";
        again.extra = R"({"sentAt":"2026-01-02T00:00:00Z"})";
    }));
}

TEST(ConflictsTest, EverythingElseIsAnotherMessage) {
    const std::vector<std::function<void(ActivityEvent&)>> changes{
        [](ActivityEvent& again) { again.type = EventType::page; },
        [](ActivityEvent& again) { again.activity = "Question asked"; },
        [](ActivityEvent& again) { again.user_id = "another"; },
        [](ActivityEvent& again) { again.anonymous_id.clear(); },
        [](ActivityEvent& again) { again.source = "app"; },
        [](ActivityEvent& again) { again.properties = "{}"; },
    };
    for (std::size_t i = 0; i < changes.size(); ++i) EXPECT_FALSE(same(changes[i])) << i;
}

TEST(ConflictsTest, PropertiesAreComparedByValue) {
    EXPECT_TRUE(same_properties(R"({"a":1,"b":2})", R"({"b":2,"a":1.0})"));
    EXPECT_TRUE(same_properties(R"({"a":[{"x":null,"y":18446744073709551615}]})",
                                R"({"a":[{"y":18446744073709551615,"x":null}]})"));
    const std::vector<std::pair<std::string, std::string>> different{
        {R"({"a":1})", R"({"a":2})"},         {R"({"a":1})", R"({"b":1})"},
        {R"({"a":1})", R"({"a":1,"b":1})"},   {R"({"a":1})", R"({"a":"1"})"},
        {R"({"a":[1,2]})", R"({"a":[2,1]})"}, {R"({"a":[1]})", R"({"a":[1,1]})"},
        {R"({"a":null})", R"({"a":false})"},  {R"({"a":true})", R"({"a":false})"},
        {R"({"a":{}})", R"({"a":[]})"},       {R"({"a":1.5})", R"({"a":1})"},
        {R"({"a":0.5})", R"({"a":"0.5"})"},
    };
    for (const auto& [first, again] : different)
        EXPECT_FALSE(same_properties(first, again)) << first << again;
}

TEST(ConflictsTest, AreAddedUpAndKeepTheFirstExample) {
    Conflicts conflicts;
    conflicts.add(Conflicts{});
    conflicts.add("m1");
    conflicts.add("m2");
    conflicts.add(Conflicts{3, "m3"});
    EXPECT_EQ(conflicts.count, 5U);
    EXPECT_EQ(conflicts.example, "m1");
}

}  // namespace
}  // namespace activity::workers
