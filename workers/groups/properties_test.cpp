#include "workers/groups/properties.h"

#include <gtest/gtest.h>

namespace activity::workers {
namespace {

TEST(PropertiesTest, ReadsMembersByNameAndType) {
    PropertiesReader reader;
    const auto properties = reader.read(R"({"problemId":"p\"1","solved":true,"clicks":7,"pageType":"quiz"})");
    EXPECT_EQ(properties.text("problemId"), "p\"1");
    EXPECT_EQ(properties.boolean("solved"), true);
    EXPECT_EQ(properties.integer("clicks"), 7);
    EXPECT_EQ(properties.id("pageType"), "quiz");
}

TEST(PropertiesTest, WhatIsOfAnotherTypeIsNotThere) {
    PropertiesReader reader;
    const auto properties = reader.read(R"({"a":"true","b":1,"c":null,"d":[1],"e":{"f":"g"}})");
    EXPECT_EQ(properties.boolean("a"), std::nullopt);
    EXPECT_EQ(properties.boolean("b"), std::nullopt);
    EXPECT_EQ(properties.integer("a"), std::nullopt);
    EXPECT_EQ(properties.text("b"), std::nullopt);
    EXPECT_EQ(properties.text("c"), std::nullopt);
    EXPECT_EQ(properties.text("d"), std::nullopt);
    EXPECT_EQ(properties.text("f"), std::nullopt) << "a member of a member is none of its own";
    EXPECT_EQ(properties.text("nothing"), std::nullopt);
}

TEST(PropertiesTest, AWholeNumberMayBeWrittenWithAFraction) {
    PropertiesReader reader;
    const auto properties =
        reader.read(R"({"a":3.0,"b":3.5,"c":1e300,"d":-2,"e":9223372036854775807,"f":18446744073709551615})");
    EXPECT_EQ(properties.integer("a"), 3);
    EXPECT_EQ(properties.integer("b"), std::nullopt);
    EXPECT_EQ(properties.integer("c"), std::nullopt);
    EXPECT_EQ(properties.integer("d"), -2);
    EXPECT_EQ(properties.integer("e"), 9'223'372'036'854'775'807);
    EXPECT_EQ(properties.integer("f"), std::nullopt);
}

TEST(PropertiesTest, AnIdIsShortTextOrAnInteger) {
    PropertiesReader reader;
    const auto text = [&](std::size_t bytes) { return R"({"a":")" + std::string(bytes, 'x') + "\"}"; };
    EXPECT_EQ(reader.read(R"({"a":42})").id("a"), "42");
    EXPECT_EQ(reader.read(R"({"a":true})").id("a"), std::nullopt);
    EXPECT_EQ(reader.read(text(0)).id("a"), std::nullopt);
    EXPECT_TRUE(reader.read(text(property_id_bytes_max)).id("a").has_value());
    EXPECT_EQ(reader.read(text(property_id_bytes_max + 1)).id("a"), std::nullopt);
}

TEST(PropertiesTest, GoesIntoMembersThatAreObjects) {
    PropertiesReader reader;
    const auto properties = reader.read(R"({"device":{"type":"ios","os":{"name":"x"}}})");
    EXPECT_EQ(properties.object("device").text("type"), "ios");
    EXPECT_EQ(properties.object("device").object("os").text("name"), "x");
    EXPECT_EQ(properties.object("nothing").text("type"), std::nullopt);
    EXPECT_EQ(properties.object("device").object("type").text("name"), std::nullopt);
}

TEST(PropertiesTest, WhatIsNoObjectHasNoMembers) {
    PropertiesReader reader;
    for (const auto* canonical : {"", "{}", "[1,2]", "\"text\"", "{\"a\":"})
        EXPECT_EQ(reader.read(canonical).text("a"), std::nullopt) << canonical;
}

}  // namespace
}  // namespace activity::workers
