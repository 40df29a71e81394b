#include "workers/groups/groups.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>

#include "schemas/wire/group_topics.h"

namespace activity::workers {
namespace {

/// Of one row in the binary form of COPY, without its count.
std::size_t fields(std::string_view bytes) {
    std::size_t count = 0;
    while (!bytes.empty()) {
        std::uint32_t size = 0;
        for (int i = 0; i < 4; ++i)
            size = size << 8 | static_cast<unsigned char>(bytes.at(static_cast<std::size_t>(i)));
        bytes.remove_prefix(4);
        if (size != 0xffffffff) bytes.remove_prefix(size);
        ++count;
    }
    return count;
}

TEST(GroupsTest, NamesAreUniqueAndFitForKafkaAndSql) {
    std::set<std::string_view> names;
    for (const auto& group : groups()) {
        EXPECT_TRUE(names.insert(group.name).second) << group.name;
        for (const char c : group.name) EXPECT_TRUE((c >= 'a' && c <= 'z') || c == '_') << group.name;
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

/// Its own fields, of those events that are something to it: a field that is missing or too much would shift
/// all that come behind.
TEST(GroupsTest, EachWritesAsManyFieldsAsItHasColumns) {
    const auto catalogue = Catalogue::load(Catalogue::default_file());
    ActivityEvent event;
    event.message_id = "m1";
    event.user_id = "u";
    event.source = "web";
    event.properties =
        R"({"courseId":"c","problemId":"p","solved":true,"questionId":"q","pageType":"quiz","clicks":2})";
    const auto key = message_key(event.message_id);
    for (const auto& group : groups()) {
        auto write = group.row_writer();
        bool any = false;
        for (const auto& activity : catalogue.activities()) {
            event.activity = activity.id;
            CopyRows rows;
            if (!write(rows, {event, key, learner_key(event), activity.id, event.occurred_at})) {
                EXPECT_EQ(rows.size(), 0U) << group.name << " wrote of what it ignores: " << activity.id;
                continue;
            }
            any = true;
            EXPECT_EQ(fields(rows.bytes()), group.columns.size()) << group.name << ", " << activity.id;
        }
        EXPECT_TRUE(any) << group.name;
        EXPECT_NE(group.effect.empty(), group.row_table.empty()) << group.name;
    }
}

TEST(GroupsTest, OperatorsKnowTheSame) {
    std::set<std::string_view> names;
    for (const auto& group : groups()) names.insert(group.name);
    EXPECT_EQ(names, std::set<std::string_view>(wire::worker_groups.begin(), wire::worker_groups.end()));
}

}  // namespace
}  // namespace activity::workers
