#include "schemas/activity/timestamp.h"

#include <gtest/gtest.h>

namespace activity {
namespace {

using namespace std::chrono_literals;

Timestamp at(std::string_view text) {
    return parse_timestamp(text).value();
}

TEST(Timestamp, ReadsTheFormsThatSdksSend) {
    const Timestamp expected = at("2026-11-21T14:28:00Z");
    EXPECT_EQ(at("2026-11-21T15:28:00+01:00"), expected);
    EXPECT_EQ(at("2026-11-21T13:28:00-0100"), expected);
    EXPECT_EQ(at("2026-11-21 14:28:00.000z"), expected);
    EXPECT_EQ(at("2026-11-21T14:28:00.123456+00:00"), expected + 123456us);
    EXPECT_EQ(at("2026-11-21T14:28:00.123456789Z"), expected + 123456us);
    EXPECT_EQ(at("2026-11-21T14:28:00.5Z"), expected + 500ms);
    EXPECT_EQ(at("2026-12-31T23:59:60Z"), at("2027-01-01T00:00:00Z"));
}

TEST(Timestamp, RefusesWhatIsNoDateTime) {
    for (const char* text :
         {"", "now", "2026-11-21", "2026-11-21T14:28Z", "2026-11-21T14:28:00", "2026-02-30T00:00:00Z",
          "2026-13-01T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T14:60:00Z", "2026-11-21T14:28:61Z",
          "2026-11-21T14:28:00.Z", "2026-11-21T14:28:00.1234567890Z", "2026-11-21T14:28:00Z ",
          "2026-11-21T14:28:00+1:00", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01",
          "9999-12-31T23:59:59-00:01", "+2026-11-21T14:28:00Z", "1763735280000"}) {
        EXPECT_FALSE(parse_timestamp(text)) << text;
    }
}

TEST(Timestamp, IsWrittenSoThatItReadsBackEqual) {
    for (const char* text :
         {"2026-11-21T14:28:00.123Z", "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999999Z",
          "1969-12-31T23:59:59.000001Z", "2024-02-29T12:00:00.000Z"}) {
        EXPECT_EQ(format_timestamp(at(text)), text);
    }
}

TEST(ClockSkew, CorrectsByTheErrorOfTheClientsClock) {
    // The client's clock is an hour ahead; the event was made 5 s before it was sent.
    const Timestamp received = at("2026-11-21T14:00:00Z");
    EXPECT_EQ(without_clock_skew(at("2026-11-21T14:59:55Z"), at("2026-11-21T15:00:00Z"), received),
              received - 5s);
}

TEST(ClockSkew, BelievesTheOriginalWithoutATimeOfSending) {
    const Timestamp original = at("2026-11-20T00:00:00Z");
    EXPECT_EQ(without_clock_skew(original, std::nullopt, at("2026-11-21T00:00:00Z")), original);
}

TEST(ClockSkew, FallsBackToTheReceiptWhereTheResultCouldNotBeWritten) {
    const Timestamp received = at("2026-11-21T14:00:00Z");
    EXPECT_EQ(without_clock_skew(at("0001-01-01T00:00:00Z"), at("9999-01-01T00:00:00Z"), received), received);
    EXPECT_EQ(without_clock_skew(at("9999-01-01T00:00:00Z"), at("0001-01-01T00:00:00Z"), received), received);
}

}  // namespace
}  // namespace activity
