#include "ingest/dialects/query.h"

#include <gtest/gtest.h>

namespace activity::ingest {
namespace {

TEST(Query, IsSplitAndDecoded) {
    const Query query("writeKey=a%2Bb&empty=&flag&&x=1+2&x=3&bad=%zz%4&%C3%A4=%F0%9F%98%80");
    EXPECT_EQ(query.find("writeKey"), "a+b");
    EXPECT_EQ(query.find("empty"), "");
    EXPECT_EQ(query.find("flag"), "");
    EXPECT_EQ(query.find("x"), "1 2") << "the first counts";
    EXPECT_EQ(query.find("bad"), "%zz%4");
    EXPECT_EQ(query.find("ä"), "😀");
    EXPECT_EQ(query.find("none"), std::nullopt);
    EXPECT_TRUE(Query("").parameters().empty());
}

std::string body(std::string_view query) {
    const auto result = pixel_body(Query(query));
    const auto* rejection = std::get_if<Rejection>(&result);
    return rejection == nullptr ? std::get<std::string>(result)
                                : std::string(to_string(rejection->reason)) + " " + rejection->field;
}

TEST(PixelBody, NestsByDots) {
    EXPECT_EQ(
        body("writeKey=k&event=Page+Seen&userId=u&properties.a.b=1&properties.a.c=%22&context.page.path=/x"),
        R"({"event":"Page Seen","userId":"u","properties":{"a":{"b":"1","c":"\""}},)"
        R"("context":{"page":{"path":"/x"}}})");
    EXPECT_EQ(body("anonymousId=%22anon-1%22"), R"({"anonymousId":"anon-1"})");
    EXPECT_EQ(body("a=1&a=2"), R"({"a":"1"})");
    EXPECT_EQ(body("a~b/c=1"), R"({"a~b/c":"1"})");
    EXPECT_EQ(body(""), "{}");
    EXPECT_EQ(body("a..b=1"), R"({"a":{"":{"b":"1"}}})");
}

/// A JSON pointer would take them for places in an array, and make it as long as they say.
TEST(PixelBody, TakesNumbersForNamesLikeAnyOther) {
    EXPECT_EQ(body("properties.4000000000=1&properties.0=2&a.-=3&b.01=4"),
              R"({"properties":{"4000000000":"1","0":"2"},"a":{"-":"3"},"b":{"01":"4"}})");
}

TEST(PixelBody, RefusesWhatMakesNoObject) {
    EXPECT_EQ(body("a=1&a.b=2"), "duplicate_key a.b");
    EXPECT_EQ(body("a.b=1&a=2"), "duplicate_key a");
    EXPECT_EQ(body("a.b.c.d.e.f.g.h.i.j=1"), "nesting_too_deep a.b.c.d.e.f.g.h.i.j");
    EXPECT_EQ(body("a=%ff"), "malformed_json ");
    EXPECT_EQ(body("%ff=1&%ff.b=2"), "malformed_json ") << "the name would stand in the reply";
    EXPECT_EQ(body("a.b.c.d.e.f.g.h.%ff=1"), "malformed_json ");
}

}  // namespace
}  // namespace activity::ingest
