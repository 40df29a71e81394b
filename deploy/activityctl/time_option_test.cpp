#include "deploy/activityctl/time_option.h"

#include <gtest/gtest.h>

#include "deploy/activityctl/context.h"

namespace activity::ctl {
namespace {

const Timestamp at = *parse_timestamp("2026-11-21T14:28:00.5Z");

std::string read(const std::string& text) {
    return format_timestamp(parse_time_option("--since", text, at));
}

TEST(TimeOption, TakesTimesDaysAndHowLongAgo) {
    EXPECT_EQ(read("2026-11-20T01:02:03Z"), "2026-11-20T01:02:03.000Z");
    EXPECT_EQ(read("2026-11-20"), "2026-11-20T00:00:00.000Z");
    EXPECT_EQ(read("now"), "2026-11-21T14:28:00.500Z");
    EXPECT_EQ(read("30s"), "2026-11-21T14:27:30.500Z");
    EXPECT_EQ(read("28m"), "2026-11-21T14:00:00.500Z");
    EXPECT_EQ(read("2h"), "2026-11-21T12:28:00.500Z");
    EXPECT_EQ(read("7d"), "2026-11-14T14:28:00.500Z");
}

TEST(TimeOption, NamesTheOptionOfWhatItCannotRead) {
    for (const auto* text :
         {"", "h", "-1h", "1w", "yesterday", "2026-13-01", "1.5h", "99999999999999999999d"}) {
        try {
            read(text);
            ADD_FAILURE() << text;
        } catch (const UsageError& error) {
            EXPECT_NE(std::string(error.what()).find("--since"), std::string::npos) << error.what();
        }
    }
}

TEST(TimeOption, ShowsPeopleSeconds) {
    EXPECT_EQ(time_to_the_second(at), "2026-11-21T14:28:00Z");
}

}  // namespace
}  // namespace activity::ctl
