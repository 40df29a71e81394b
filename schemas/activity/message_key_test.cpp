#include "schemas/activity/message_key.h"

#include <gtest/gtest.h>
#include <set>

namespace activity {
namespace {

TEST(MessageKey, OfAUuidV7IsTheUuidItself) {
    EXPECT_EQ(message_key("01936f2a-7c1d-7abc-8def-0123456789ab").text(),
              "01936f2a-7c1d-7abc-8def-0123456789ab");
    EXPECT_EQ(message_key("01936F2A-7C1D-7ABC-8DEF-0123456789AB").text(),
              "01936f2a-7c1d-7abc-8def-0123456789ab");
}

TEST(MessageKey, OfAnIdWithItsTimeBeginsWithThatTimeAndCannotMeetAUuidV7) {
    const std::string key =
        message_key("node-next-1763735280123-8a7f6e5d-1b2c-4d3e-9f00-112233445566").text();
    EXPECT_EQ(key.substr(0, 13), "019aa6d0-99fb");  // 1763735280123 in hexadecimal
    EXPECT_EQ(key[14], '8');
}

TEST(MessageKey, UsesTheWholeIdBecausePartsOfItRepeat) {
    // Consecutive IDs of analytics-node share most of their UUID, shifted, and often the millisecond.
    EXPECT_NE(message_key("node-next-1763735280123-aabbccdd-1111-4111-8111-111111111111"),
              message_key("node-next-1763735280123-bbccddee-1111-4111-8111-111111111111"));
    EXPECT_NE(message_key("node-next-1763735280123-x"), message_key("ajs-next-1763735280123-x"));
}

TEST(MessageKey, OfAnythingElseIsInTheHashedRange) {
    for (const char* id :
         {"m-1", "6a1bafc5-4d5e-4f6a-8b7c-112233445566", "node-next-abc-1", "node-next-1763735280123",
          "-next-1763735280123-x", "01936f2a7c1d7abc8def0123456789ab", "ff936f2a-7c1d-7abc-8def-0123456789ab",
          "01936f2a-7c1d-7abc-cdef-0123456789ab"}) {
        EXPECT_EQ(message_key(id).bytes[0], 0xff) << id;
    }
}

TEST(MessageKey, StaysWhatItIs) {
    // Rows are stored under these keys: were one to change, every repeat would be applied again.
    EXPECT_EQ(message_key("m-1").text(), "ffe13987-13e3-6947-1dc7-3f47c0140d66");
    EXPECT_EQ(message_key("node-next-1763735280123-8a7f6e5d-1b2c-4d3e-9f00-112233445566").text(),
              "019aa6d0-99fb-80ee-a2cc-823cceab2af1");
}

TEST(Uuid, OfVersionSevenIsUniqueAndSortsByTime) {
    const Timestamp time = parse_timestamp("2026-11-21T14:28:00.123Z").value();
    std::set<std::string> ids;
    for (int i = 0; i < 10'000; ++i) ids.insert(new_uuid_v7(time));
    EXPECT_EQ(ids.size(), 10'000U);
    EXPECT_LT(*ids.rbegin(), new_uuid_v7(time + std::chrono::milliseconds(1)));
    EXPECT_EQ(message_key(*ids.begin()).text(), *ids.begin());
}

TEST(Uuid, ReadsOnlyTheCanonicalForm) {
    EXPECT_TRUE(parse_uuid("6a1bafc5-4d5e-4f6a-8b7c-112233445566"));
    for (const char* text :
         {"", "6a1bafc5-4d5e-4f6a-8b7c-11223344556", "6a1bafc54d5e-4f6a-8b7c-1122334455666",
          "{6a1bafc5-4d5e-4f6a-8b7c-1122334455}", "6a1bafc5-4d5e-4f6a-8b7c-11223344556g"}) {
        EXPECT_FALSE(parse_uuid(text)) << text;
    }
}

TEST(MessageKeyTest, TellsTheTimeOfIdsThatCarryOne) {
    const auto time = [](const char* id) { return message_key(id).time(); };
    EXPECT_EQ(time("node-next-1767225600123-2a0c7a3e-8d2a-4f61-9a57-b8d4c1a90e11"),
              parse_timestamp("2026-01-01T00:00:00.123Z"));
    EXPECT_EQ(time("019b76da-a87b-7000-8000-000000000001"), parse_timestamp("2026-01-01T00:00:00.123Z"));
    EXPECT_EQ(time("2a0c7a3e-8d2a-4f61-9a57-b8d4c1a90e11"), std::nullopt);
    EXPECT_EQ(time("plain text"), std::nullopt);
}

}  // namespace
}  // namespace activity
