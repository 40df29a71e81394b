#include "workers/store/bisect.h"

#include <gtest/gtest.h>

#include <set>

namespace activity::workers {
namespace {

/// A database that refuses any range with one of these rows in it, and counts the rows that it looked at.
struct FakeDatabase {
    std::set<std::size_t> poison;
    std::size_t tries = 0;
    std::size_t rows = 0;

    std::optional<Why> operator()(std::size_t begin, std::size_t end) {
        ++tries;
        rows += end - begin;
        const auto first = poison.lower_bound(begin);
        if (first == poison.end() || *first >= end) return std::nullopt;
        return Why{"database", "row " + std::to_string(*first)};
    }
};

std::set<std::size_t> found(FakeDatabase& database, std::size_t count) {
    std::set<std::size_t> places;
    for (const auto& culprit : find_culprits(count, database)) {
        EXPECT_EQ(culprit.why.detail, "row " + std::to_string(culprit.place));
        EXPECT_TRUE(places.insert(culprit.place).second);
    }
    return places;
}

TEST(BisectTest, FindsOneAnywhere) {
    for (std::size_t count = 1; count < 20; ++count) {
        for (std::size_t place = 0; place < count; ++place) {
            FakeDatabase database{{place}};
            EXPECT_EQ(found(database, count), std::set{place});
        }
    }
}

TEST(BisectTest, OneAmongThousandsCostsTwoRuns) {
    FakeDatabase database{{3'210}};
    EXPECT_EQ(found(database, 5'000), std::set<std::size_t>{3'210});
    EXPECT_LE(database.rows, 2U * 5'000 + 64);
    EXPECT_LE(database.tries, 28U);
}

TEST(BisectTest, FindsAllOfMany) {
    FakeDatabase database;
    for (std::size_t i = 0; i < 5'000; i += 3) database.poison.insert(i);
    const auto poison = database.poison;
    EXPECT_EQ(found(database, 5'000), poison);
}

TEST(BisectTest, NothingButPoisonCostsTwoTriesARow) {
    FakeDatabase database;
    for (std::size_t i = 0; i < 1'000; ++i) database.poison.insert(i);
    EXPECT_EQ(found(database, 1'000).size(), 1'000U);
    EXPECT_LE(database.tries, 2'000U);
}

TEST(BisectTest, FindsNothingWhereNothingIs) {
    FakeDatabase database;
    EXPECT_TRUE(found(database, 100).empty());
}

}  // namespace
}  // namespace activity::workers
