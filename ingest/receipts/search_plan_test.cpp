#include "ingest/receipts/search_plan.h"

#include <gtest/gtest.h>

#include <map>
#include <tuple>

namespace activity::receipts {
namespace {

Extent extent(const std::string& topic, int partition, Place place, std::int64_t oldest, std::int64_t next) {
    return {{topic, partition}, place, oldest, next};
}

/// By topic and partition: [from, to).
std::map<std::pair<std::string, int>, std::pair<std::int64_t, std::int64_t>> stretches(
    const SearchPlan& plan) {
    std::map<std::pair<std::string, int>, std::pair<std::int64_t, std::int64_t>> all;
    for (const auto& stretch : plan.stretches)
        all[{stretch.partition.topic, stretch.partition.partition}] = {stretch.from, stretch.to};
    return all;
}

TEST(SearchPlanTest, EventsAreLookedThroughFromWhereTheWorkersAre) {
    const auto plan =
        plan_search({extent("a", 0, Place::events, 10, 100), extent("a", 1, Place::events, 10, 100),
                     extent("a", 2, Place::events, 10, 100), extent("a", 3, Place::events, 10, 100)},
                    {{{"a", 0}, 90}, {{"a", 1}, 100}, {{"a", 2}, 5}}, 1'000);
    EXPECT_EQ(stretches(plan),
              (decltype(stretches(plan)){{{"a", 0}, {90, 100}},
                                         // 1 has nothing that waits
                                         {{"a", 2}, {10, 100}},     // what is gone can't be read
                                         {{"a", 3}, {10, 100}}}));  // no worker was ever there
    EXPECT_EQ(plan.records(), 190);
    EXPECT_EQ(plan.left_out, "");
}

TEST(SearchPlanTest, DeadLettersAndRejectionsAreLookedThroughWhereverTheWorkersAre) {
    const auto plan =
        plan_search({extent("d", 0, Place::dead_letters, 0, 5), extent("r", 0, Place::rejected, 2, 7),
                     extent("e", 0, Place::events, 0, 0)},
                    {{{"d", 0}, 5}, {{"r", 0}, 7}}, 1'000);
    EXPECT_EQ(stretches(plan), (decltype(stretches(plan)){{{"d", 0}, {0, 5}}, {{"r", 0}, {2, 7}}}));
    EXPECT_EQ(plan.left_out, "");
}

TEST(SearchPlanTest, TheNewestAreTakenAndTheRestIsNamed) {
    const auto plan =
        plan_search({extent("d", 0, Place::dead_letters, 0, 1'000), extent("r", 0, Place::rejected, 0, 10),
                     extent("e", 0, Place::events, 0, 5), extent("e", 1, Place::events, 0, 500),
                     extent("e", 2, Place::events, 0, 600)},
                    {}, 100);
    // 25 dead letters and 10 rejected events leave 65: the short partition whole, 30 of each of the others.
    EXPECT_EQ(stretches(plan), (decltype(stretches(plan)){{{"d", 0}, {975, 1'000}},
                                                          {{"r", 0}, {0, 10}},
                                                          {{"e", 0}, {0, 5}},
                                                          {{"e", 1}, {470, 500}},
                                                          {{"e", 2}, {570, 600}}}));
    EXPECT_EQ(plan.records(), 100);
    EXPECT_EQ(
        plan.left_out,
        "only the newest 25 of 1000 dead letters, and the newest 65 of 1105 records that wait to be stored");
}

TEST(SearchPlanTest, NoStretchIsEmpty) {
    std::vector<Extent> many;
    for (int i = 0; i < 10; ++i) many.push_back(extent("e", i, Place::events, 0, 10));
    const auto plan = plan_search(many, {}, 4);
    EXPECT_EQ(plan.records(), 4);
    for (const auto& stretch : plan.stretches) EXPECT_LT(stretch.from, stretch.to);
}

}  // namespace
}  // namespace activity::receipts
