#include "deploy/activityctl/start_position.h"

#include <gmock/gmock.h>

#include "deploy/activityctl/context.h"

namespace activity::ctl {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(StartPosition, KnowsTheEnds) {
    EXPECT_EQ(parse_start_position("beginning"), StartPosition(FromBeginning{}));
    EXPECT_EQ(parse_start_position("end"), StartPosition(FromEnd{}));
}

TEST(StartPosition, ReadsOffsets) {
    EXPECT_EQ(parse_start_position("0"), StartPosition(FromOffset{0}));
    EXPECT_EQ(parse_start_position("9223372036854775807"), StartPosition(FromOffset{INT64_MAX}));
}

TEST(StartPosition, ReadsTimes) {
    EXPECT_EQ(parse_start_position("1970-01-01T00:00:01.500Z"),
              StartPosition(FromTime{Timestamp{std::chrono::milliseconds{1500}}}));
    EXPECT_EQ(parse_start_position("1970-01-01T01:00:00+01:00"), StartPosition(FromTime{Timestamp{}}));
}

TEST(StartPosition, RefusesEverythingElseAndSaysWhatItTakes) {
    for (const auto* text :
         {"", "start", "-1", "9223372036854775808", "12x", "2026-11-21", "2026-13-01T00:00:00Z"}) {
        EXPECT_THAT([&] { parse_start_position(text); },
                    ThrowsMessage<UsageError>(HasSubstr("beginning, end, a time")))
            << text;
    }
}

}  // namespace
}  // namespace activity::ctl
