#include "workers/groups/records/facets.h"

#include <gtest/gtest.h>

namespace activity::workers {
namespace {

Facets facets(const std::string& activity, const std::string& properties, const std::string& context) {
    ActivityEvent event;
    event.properties = properties;
    event.context = context;
    const MessageKey key;
    return FacetsReader().read({event, key, {}, activity, {}});
}

TEST(FacetsTest, ComeFromTheContext) {
    const auto said =
        facets("question_asked", "{}",
               R"({"device":{"id":"d","type":"phone"},"location":{"city":"Pune","country":"IN"}})");
    EXPECT_EQ(said.device, "phone");
    EXPECT_EQ(said.country, "IN");
}

TEST(FacetsTest, ComeFromTheEventsThatTellThem) {
    EXPECT_EQ(facets("device_used", R"({"kind":"tablet"})", "{}").device, "tablet");
    EXPECT_EQ(facets("location_updated", R"({"country":"DE"})", "{}").country, "DE");
    EXPECT_EQ(facets("question_asked", R"({"kind":"tablet","country":"DE"})", "{}").device, "");
}

TEST(FacetsTest, WhatIsNoTextOrTooLongIsNotSaid) {
    const auto said =
        facets("question_asked", "{}",
               R"({"device":{"type":7},"location":{"country":")" + std::string(101, 'x') + "\"}}");
    EXPECT_EQ(said.device, "");
    EXPECT_EQ(said.country, "");
}

}  // namespace
}  // namespace activity::workers
