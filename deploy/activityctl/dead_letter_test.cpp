#include "deploy/activityctl/dead_letter.h"

#include <gmock/gmock.h>

#include "deploy/activityctl/context.h"

namespace activity::ctl {
namespace {

using testing::ElementsAre;
using testing::Pair;

ShownRecord letter(wire::Headers more = {}) {
    ShownRecord record{"activity.records.dead-letter", 0, 17, 1'700'000'000'000, "web/u1", {}, "{\"a\":1}"};
    record.headers = {{"message-id", "m1"}, {"attempt", "3"}};
    record.headers.insert(record.headers.end(), more.begin(), more.end());
    return record;
}

const wire::Headers full{{"dead-letter-reason", "database"},
                         {"dead-letter-detail", "22P02 no uuid"},
                         {"dead-letter-group", "records"},
                         {"dead-letter-topic", "activity.live-class"},
                         {"dead-letter-partition", "3"},
                         {"dead-letter-offset", "4711"},
                         {"dead-letter-at", "2026-11-21T14:28:00.000Z"}};

TEST(DeadLetter, TellsWhyAndWhereFrom) {
    const auto read = dead_letter_of("records", letter(full));
    EXPECT_EQ(read.id.text(), "records/0/17");
    EXPECT_EQ(read.reason, "database");
    EXPECT_EQ(read.detail, "22P02 no uuid");
    EXPECT_EQ(read.origin_text(), "activity.live-class[3]@4711");
    EXPECT_EQ(read.attempts, "3");
    EXPECT_EQ(format_timestamp(read.at), "2026-11-21T14:28:00.000Z");
    EXPECT_EQ(read.key, "web/u1");
}

TEST(DeadLetter, DoesWithoutHeaders) {
    auto record = letter();
    record.key = {};
    const auto read = dead_letter_of("records", record);
    EXPECT_EQ(read.reason, "");
    EXPECT_EQ(read.origin_text(), "");
    EXPECT_EQ(read.at, Timestamp{std::chrono::milliseconds{1'700'000'000'000}});
    EXPECT_FALSE(read.key);
    EXPECT_EQ(dead_letter_of("records", letter({{"dead-letter-topic", "x"}, {"dead-letter-partition", "-1"}}))
                  .origin,
              std::nullopt);
}

TEST(DeadLetter, GivesTheOriginalBack) {
    const auto original = original_of(letter(full), "activity.records.retry-1");
    EXPECT_EQ(original.topic, "activity.records.retry-1");
    EXPECT_EQ(original.key, "web/u1");
    EXPECT_EQ(original.value, "{\"a\":1}");
    EXPECT_EQ(original.partition, -1);
    EXPECT_THAT(original.headers, ElementsAre(Pair("message-id", "m1"), Pair("attempt", "3")));
    auto null = letter();
    null.key = {};
    null.value = {};
    EXPECT_FALSE(original_of(null, "t").key);
    EXPECT_FALSE(original_of(null, "t").value);
}

TEST(DeadLetter, IsReplayedUntriedAndRemembersWhereItCameFrom) {
    const auto replayed = replay_of(letter(full), "activity.records.retry-1");
    EXPECT_THAT(replayed.headers, ElementsAre(Pair("message-id", "m1"), Pair("attempt", "0"),
                                              Pair("retry-topic", "activity.live-class"),
                                              Pair("retry-partition", "3"), Pair("retry-offset", "4711")));
    ShownRecord record = letter();
    record.topic = "activity.live-class";
    record.headers.emplace_back("not-before", "2026-11-21T14:28:00Z");
    EXPECT_THAT(retry_of(record, "t").headers,
                ElementsAre(Pair("message-id", "m1"), Pair("attempt", "0"),
                            Pair("retry-topic", "activity.live-class"), Pair("retry-partition", "0"),
                            Pair("retry-offset", "17")));
}

TEST(DeadLetter, IsNamedAsListShowsIt) {
    const DeadLetterId id{"my/group", 3, 1'234'567'890'123};
    EXPECT_EQ(parse_dead_letter_id(id.text()), id);
    for (const auto* text : {"", "records", "records/0", "/0/1", "records/x/1", "records/0/-1", "records/0/"})
        EXPECT_THROW(parse_dead_letter_id(text), UsageError) << text;
}

TEST(DeadLetter, IsChosenByWhatItSays) {
    const auto read = dead_letter_of("records", letter(full));
    const auto at = read.at;
    const auto fits = [&](auto set) {
        DeadLetterFilter filter;
        set(filter);
        return filter.fits(read);
    };
    EXPECT_TRUE(DeadLetterFilter{}.fits(read));
    EXPECT_TRUE(fits([](auto& f) { f.reason = "database"; }));
    EXPECT_FALSE(fits([](auto& f) { f.reason = "data"; }));
    EXPECT_TRUE(fits([](auto& f) { f.key = "web/u1"; }));
    EXPECT_FALSE(fits([](auto& f) { f.key = "web/u"; }));
    EXPECT_TRUE(fits([](auto& f) { f.origin_topic = "activity.live-class"; }));
    EXPECT_FALSE(fits([](auto& f) { f.origin_topic = "activity.other"; }));
    EXPECT_TRUE(fits([&](auto& f) { f.since = at; }));
    EXPECT_FALSE(fits([&](auto& f) { f.until = at; }));
}

}  // namespace
}  // namespace activity::ctl
