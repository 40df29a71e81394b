#include "workers/groups/profiles/presence.h"

#include <gtest/gtest.h>

namespace activity::workers {
namespace {

class PresenceTest : public ::testing::Test {
  protected:
    Properties read(std::string_view json) { return reader_.read(json); }

    PropertiesReader reader_;
};

TEST_F(PresenceTest, ADeviceIsItsKindSystemAndBrowserWithoutItsId) {
    EXPECT_EQ(device_of(read(R"({"deviceId":"d-1","kind":"phone","os":"Android 14","browser":"Firefox"})")),
              R"({"kind":"phone","os":"Android 14","browser":"Firefox"})");
    EXPECT_EQ(device_of(read(R"({"kind":"a \"b\"","os":7})")), R"({"kind":"a \"b\""})");
    EXPECT_EQ(device_of(read(R"({"deviceId":"d-1","kind":""})")), std::nullopt);
    EXPECT_EQ(device_of(read("{}")), std::nullopt);
}

TEST_F(PresenceTest, ATextThatIsTooLongIsCutBetweenCharacters) {
    std::string os(99, 'x');
    os += "é";
    EXPECT_EQ(device_of(read(R"({"os":")" + os + R"("})")), R"({"os":")" + std::string(99, 'x') + R"("})");
}

TEST_F(PresenceTest, AContextNamesItsDeviceInObjects) {
    EXPECT_EQ(
        device_of_context(read(R"({"device":{"id":"x","type":"ios"},"os":{"name":"iOS","version":"17"}})")),
        R"({"kind":"ios","os":"iOS"})");
    EXPECT_EQ(device_of_context(read(R"({"userAgent":"Mozilla/5.0","os":"Linux"})")), std::nullopt);
}

TEST_F(PresenceTest, ALocationIsNoFinerThanTheRegion) {
    const auto location = location_of(
        read(R"({"country":"IN","region":"Goa","city":"Panaji","latitude":15.5,"longitude":73.8})"));
    ASSERT_TRUE(location);
    EXPECT_EQ(location->country, "IN");
    EXPECT_EQ(location->region, "Goa");
    EXPECT_EQ(location_of(read(R"({"country":"IN"})"))->region, "");
}

TEST_F(PresenceTest, WithoutACountryThereIsNoLocation) {
    for (const auto* properties : {R"({"region":"Goa"})", R"({"country":"India"})", R"({"country":"in"})",
                                   R"({"country":91})", R"({"country":""})"})
        EXPECT_FALSE(location_of(read(properties))) << properties;
}

}  // namespace
}  // namespace activity::workers
