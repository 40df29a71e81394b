#include "loadtest/verify/comparison.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

namespace activity::loadtest {
namespace {

namespace fs = std::filesystem;

/// A key with that number: their order is that of the numbers.
UuidBytes key(std::uint32_t number) {
    UuidBytes key{0x01, 0x9a};
    for (std::size_t i = 0; i < 4; ++i) key[8 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
    return key;
}
std::string text(std::uint32_t number) {
    return format_uuid(key(number));
}

class ComparisonTest : public ::testing::Test {
  protected:
    ComparisonTest() {
        std::string name = fs::temp_directory_path() / "activity-verify-XXXXXX";
        directory_ = ::mkdtemp(name.data());
    }
    ~ComparisonTest() override { fs::remove_all(directory_); }

    static Entry entry(std::uint32_t number, Outcome outcome = Outcome::acknowledged) {
        Entry entry;
        entry.key = key(number);
        entry.learner = number % 7;
        entry.course = static_cast<std::uint16_t>(number % 3);
        entry.activity = static_cast<std::uint8_t>(number % 5);
        entry.source = static_cast<std::uint8_t>(number % 2);
        entry.outcome = outcome;
        return entry;
    }

    void ledger(const std::vector<Entry>& entries) {
        files_.push_back(directory_ / std::to_string(files_.size()));
        std::ofstream(files_.back(), std::ios::binary)
            .write(reinterpret_cast<const char*>(entries.data()),
                   static_cast<std::streamsize>(entries.size() * sizeof(Entry)));
    }

    /// With rows of these keys, a few of them at a time.
    Comparison compare_with(const std::vector<UuidBytes>& rows, std::size_t block = 3) {
        Ledgers ledgers(files_);
        std::size_t at = 0;
        return compare(
            ledgers,
            [&] {
                const auto begin = std::min(at, rows.size());
                at = std::min(begin + block, rows.size());
                return std::span(rows).subspan(begin, at - begin);
            },
            tally_);
    }
    Comparison compare_with(const std::vector<std::uint32_t>& numbers) {
        std::vector<UuidBytes> rows;
        for (const auto number : numbers) rows.push_back(key(number));
        return compare_with(rows);
    }

    fs::path directory_;
    std::vector<fs::path> files_;
    Tally tally_;
};

TEST_F(ComparisonTest, HoldsWhereEverythingIsStoredOnce) {
    ledger({entry(1), entry(4), entry(7)});
    ledger({entry(2), entry(3)});
    const auto found = compare_with(std::vector<std::uint32_t>{1, 2, 3, 4, 7});
    EXPECT_TRUE(found.holds());
    EXPECT_EQ(found.entries, 5U);
    EXPECT_EQ(found.acknowledged, 5U);
    EXPECT_EQ(found.stored, 5U);
    EXPECT_EQ(tally_.events(), 5U);
}

TEST_F(ComparisonTest, FindsWhatIsLost) {
    ledger({entry(1), entry(4), entry(7)});
    ledger({entry(2), entry(3), entry(9)});
    const auto found = compare_with(std::vector<std::uint32_t>{2, 4, 7});
    EXPECT_FALSE(found.holds());
    EXPECT_EQ(found.lost, 3U);
    EXPECT_EQ(found.lost_examples, (std::vector{text(1), text(3), text(9)}));
    EXPECT_EQ(tally_.events(), 3U);
}

TEST_F(ComparisonTest, FindsWhatIsDoubled) {
    ledger({entry(1), entry(2), entry(3)});
    // Also across two blocks of rows, and of a key that nobody sent.
    const auto found = compare_with(std::vector<std::uint32_t>{1, 1, 2, 2, 2, 3, 8, 8});
    EXPECT_FALSE(found.holds());
    EXPECT_EQ(found.stored, 8U);
    EXPECT_EQ(found.doubled, 4U);
    EXPECT_EQ(found.doubled_examples, (std::vector{text(1), text(2), text(8)}));
    EXPECT_EQ(found.never_sent, 1U);
    EXPECT_EQ(found.lost, 0U);
    EXPECT_EQ(tally_.events(), 3U);
}

TEST_F(ComparisonTest, FindsWhatNobodySent) {
    ledger({entry(10), entry(20)});
    ledger({entry(15)});
    const auto found = compare_with(std::vector<std::uint32_t>{1, 2, 10, 12, 15, 20, 21, 22});
    EXPECT_FALSE(found.holds());
    EXPECT_EQ(found.never_sent, 5U);
    EXPECT_EQ(found.never_sent_examples, (std::vector{text(1), text(2), text(12), text(21), text(22)}));
    EXPECT_EQ(found.lost, 0U);
}

TEST_F(ComparisonTest, RefusedMustNotBeStored) {
    ledger({entry(1, Outcome::refused), entry(2), entry(3, Outcome::refused)});
    const auto found = compare_with(std::vector<std::uint32_t>{2, 3});
    EXPECT_FALSE(found.holds());
    EXPECT_EQ(found.refused, 2U);
    EXPECT_EQ(found.refused_stored, 1U);
    EXPECT_EQ(found.refused_stored_examples, std::vector{text(3)});
    EXPECT_EQ(found.never_sent, 0U);
    // The groups have counted it: that it is there at all is one mistake, not many.
    EXPECT_EQ(tally_.events(), 2U);
}

TEST_F(ComparisonTest, UnknownMayBeEither) {
    ledger({entry(1, Outcome::unknown), entry(2, Outcome::unknown), entry(3)});
    const auto found = compare_with(std::vector<std::uint32_t>{2, 3});
    EXPECT_TRUE(found.holds());
    EXPECT_EQ(found.unknown, 2U);
    EXPECT_EQ(found.unknown_stored, 1U);
    EXPECT_EQ(tally_.events(), 2U);
}

TEST_F(ComparisonTest, EmptyLedgersAndNoRows) {
    EXPECT_TRUE(compare_with(std::vector<std::uint32_t>{}).holds());
    ledger({});
    EXPECT_TRUE(compare_with(std::vector<std::uint32_t>{}).holds());
    EXPECT_EQ(compare_with(std::vector<std::uint32_t>{5}).never_sent, 1U);
    ledger({entry(5)});
    EXPECT_TRUE(compare_with(std::vector<std::uint32_t>{5}).holds());
    EXPECT_EQ(compare_with(std::vector<std::uint32_t>{}).lost, 1U);
}

TEST_F(ComparisonTest, ExamplesHaveAnEnd) {
    std::vector<Entry> entries;
    for (std::uint32_t i = 0; i < 100; ++i) entries.push_back(entry(i));
    ledger(entries);
    const auto found = compare_with(std::vector<std::uint32_t>{});
    EXPECT_EQ(found.lost, 100U);
    EXPECT_EQ(found.lost_examples.size(), Comparison::examples_max);
}

TEST_F(ComparisonTest, RefusesWhatIsOutOfOrder) {
    ledger({entry(1), entry(2)});
    EXPECT_THROW(compare_with(std::vector<std::uint32_t>{2, 1}), std::runtime_error);
    ledger({entry(2)});
    EXPECT_THROW(compare_with(std::vector<std::uint32_t>{}), std::runtime_error) << "a key of two ledgers";
    files_.clear();
    ledger({entry(2), entry(1)});
    EXPECT_THROW(compare_with(std::vector<std::uint32_t>{}), std::runtime_error);
}

TEST_F(ComparisonTest, CountsWhatIsStored) {
    std::vector<Entry> entries;
    std::vector<std::uint32_t> rows;
    for (std::uint32_t i = 0; i < 210; ++i) {
        entries.push_back(entry(i));
        if (i < 100) rows.push_back(i);
    }
    ledger(entries);
    compare_with(rows);
    EXPECT_EQ(tally_.events(), 100U);
    EXPECT_EQ(tally_.by_source(1), 50U);
    EXPECT_EQ(tally_.by_activity(4), 20U);
    EXPECT_EQ(tally_.by_course(2), 33U);
    EXPECT_EQ(tally_.learners(), 14U) << "seven of each source";
}

/// Many ledgers of more than a reader's block, with every kind of mistake, beside what sets say.
TEST_F(ComparisonTest, AgreesWithSets) {
    std::mt19937 random(11);
    constexpr std::uint32_t count = 300'000;
    std::vector<std::vector<Entry>> entries(4);
    std::vector<UuidBytes> rows;
    Comparison expected;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (random() % 50 == 0) {
            // Between two that were sent.
            UuidBytes foreign = key(i);
            foreign[15] = 1;
            rows.push_back(foreign);
            ++expected.never_sent;
        }
        const auto outcome = static_cast<Outcome>(random() % 3);
        // By far most of them in one, some of the time: the others' blocks must wait.
        entries[i < count / 2 ? 0 : random() % 4].push_back(entry(i, outcome));
        const auto times = random() % 10 == 0 ? random() % 4 : outcome == Outcome::refused ? 0 : 1;
        rows.insert(rows.end(), times, key(i));
        expected.doubled += times > 1 ? times - 1 : 0;
        expected.lost += outcome == Outcome::acknowledged && times == 0;
        expected.refused_stored += outcome == Outcome::refused && times > 0;
        expected.unknown_stored += outcome == Outcome::unknown && times > 0;
    }
    std::ranges::sort(rows);
    for (const auto& of_one : entries) ledger(of_one);
    const auto found = compare_with(rows, 1'000);
    EXPECT_EQ(found.entries, count);
    EXPECT_EQ(found.stored, rows.size());
    EXPECT_EQ(found.never_sent, expected.never_sent);
    EXPECT_EQ(found.doubled, expected.doubled);
    EXPECT_EQ(found.lost, expected.lost);
    EXPECT_EQ(found.refused_stored, expected.refused_stored);
    EXPECT_EQ(found.unknown_stored, expected.unknown_stored);
}

}  // namespace
}  // namespace activity::loadtest
