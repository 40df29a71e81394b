#include "workers/groups/groups.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>

namespace activity::workers {
namespace {

TEST(GroupsTest, NamesAreUniqueAndFitForKafka) {
    std::set<std::string_view> names;
    for (const auto& group : groups()) {
        EXPECT_TRUE(names.insert(group.name).second) << group.name;
        for (const char c : group.name) EXPECT_TRUE((c >= 'a' && c <= 'z') || c == '-') << group.name;
    }
}

TEST(GroupsTest, EachReadsTopicsOfTheCatalogue) {
    const auto catalogue = Catalogue::load(Catalogue::default_file());
    std::set<std::string> known;
    for (const auto& topic : catalogue.topics()) known.insert(topic.name);
    for (const auto& group : groups()) {
        const auto topics = group.topics(catalogue);
        EXPECT_FALSE(topics.empty()) << group.name;
        for (const auto& topic : topics)
            EXPECT_TRUE(known.contains(topic)) << group.name << " reads " << topic;
    }
}

TEST(GroupsTest, EachWritesAsManyFieldsAsItHasColumns) {
    ActivityEvent event;
    event.message_id = "m1";
    event.activity = "Question Asked";
    event.user_id = "u";
    event.source = "web";
    for (const auto& group : groups()) {
        CopyRows rows;
        group.row_writer()(rows, message_key(event.message_id), event);
        ASSERT_GE(rows.size(), 2U);
        const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(rows.bytes()[at]); };
        EXPECT_EQ(static_cast<std::size_t>(byte(0) << 8 | byte(1)), group.stage.size()) << group.name;
        EXPECT_FALSE(group.effect.empty()) << group.name;
    }
}

TEST(GroupsTest, AreFoundByName) {
    ASSERT_NE(find_group("records"), nullptr);
    EXPECT_EQ(find_group("records")->name, "records");
    EXPECT_EQ(find_group("nothing"), nullptr);
    EXPECT_NE(group_names().find("records"), std::string::npos);
}

}  // namespace
}  // namespace activity::workers
