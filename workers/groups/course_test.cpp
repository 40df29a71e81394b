#include "workers/groups/course.h"

#include <gtest/gtest.h>

namespace activity::workers {
namespace {

std::optional<std::string> course(std::string_view properties, std::string_view context = "{}") {
    CourseReader reader;
    return reader.read(properties, context);
}

TEST(CourseTest, TakesAnyOfThreeNames) {
    EXPECT_EQ(course(R"({"courseId":"C1"})"), "C1");
    EXPECT_EQ(course(R"({"course_id":"C1"})"), "C1");
    EXPECT_EQ(course(R"({"course":"C1"})"), "C1");
}

TEST(CourseTest, TheFirstNameWinsWhateverTheOrder) {
    EXPECT_EQ(course(R"({"course":"c","course_id":"b","courseId":"a"})"), "a");
    EXPECT_EQ(course(R"({"course":"c","course_id":"b"})"), "b");
}

TEST(CourseTest, TakesIntegers) {
    EXPECT_EQ(course(R"({"courseId":42})"), "42");
    EXPECT_EQ(course(R"({"courseId":-1})"), "-1");
}

TEST(CourseTest, UndoesEscapes) {
    EXPECT_EQ(course(R"({"courseId":"a\"\nb"})"), "a\"\nb");
}

TEST(CourseTest, PassesOverWhatIsNoId) {
    EXPECT_EQ(course(R"({"courseId":"","course_id":null,"course":"x"})"), "x");
    EXPECT_EQ(course(R"({"courseId":{"id":"x"}})"), std::nullopt);
    EXPECT_EQ(course(R"({"courseId":1.5})"), std::nullopt);
    EXPECT_EQ(course(R"({"courseId":true})"), std::nullopt);
    EXPECT_EQ(course("{\"courseId\":\"" + std::string(property_id_bytes_max + 1, 'x') + "\"}"), std::nullopt);
}

TEST(CourseTest, LooksAtTheTopOnly) {
    EXPECT_EQ(course(R"({"a":{"courseId":"x"}})"), std::nullopt);
    EXPECT_EQ(course(R"({"a":"\"courseId\":\"x\""})"), std::nullopt);
}

TEST(CourseTest, AsksTheContextLast) {
    EXPECT_EQ(course("{}", R"({"courseId":"x"})"), "x");
    EXPECT_EQ(course(R"({"course":"p"})", R"({"courseId":"x"})"), "p");
    EXPECT_EQ(course("{}"), std::nullopt);
}

}  // namespace
}  // namespace activity::workers
