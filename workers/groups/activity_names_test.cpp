#include "workers/groups/activity_names.h"

#include <gtest/gtest.h>

namespace activity::workers {
namespace {

TEST(ActivityNamesTest, AreTheCataloguesWhereItKnowsThem) {
    const auto catalogue = Catalogue::load(Catalogue::default_file());
    ActivityNames names(catalogue);
    ActivityEvent event;
    for (const char* const spelling :
         {"Question Asked", "question_asked", "questionAsked", "Question Asked"}) {
        event.activity = spelling;
        EXPECT_EQ(names.of(event), "question_asked") << spelling;
    }
    event.activity = "Nobody Knows";
    EXPECT_EQ(names.of(event), "Nobody Knows");
    event.type = EventType::page;
    event.activity = "page";
    EXPECT_EQ(names.of(event), "page_viewed");
}

}  // namespace
}  // namespace activity::workers
