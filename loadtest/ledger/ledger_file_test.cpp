#include "loadtest/ledger/ledger_file.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

namespace activity::loadtest {
namespace {

namespace fs = std::filesystem;

class LedgerFileTest : public ::testing::Test {
  protected:
    LedgerFileTest() {
        std::string name = fs::temp_directory_path() / "activity-ledger-XXXXXX";
        directory_ = ::mkdtemp(name.data());
    }
    ~LedgerFileTest() override { fs::remove_all(directory_); }

    fs::path file() const { return directory_ / "ledger"; }

    Entry entry(std::uint32_t learner) {
        Entry entry;
        entry.key = ids_.next(now());
        entry.learner = learner;
        return entry;
    }

    std::vector<Entry> read() const {
        LedgerReader reader(file());
        std::vector<Entry> all;
        for (auto some = reader.next(); !some.empty(); some = reader.next())
            all.insert(all.end(), some.begin(), some.end());
        EXPECT_EQ(all.size(), reader.size());
        return all;
    }

    fs::path directory_;
    RisingIds ids_{7};
};

TEST_F(LedgerFileTest, SaysWhatWasWritten) {
    {
        LedgerWriter ledger(file());
        for (std::uint32_t i = 0; i < 1'000; ++i) {
            const auto index = ledger.write(entry(i));
            ledger.note_sent(index);
            if (i % 3 == 0) ledger.settle(index, Outcome::acknowledged, 200);
            if (i % 3 == 1) ledger.settle(index, Outcome::refused, 400);
        }
    }
    const auto all = read();
    ASSERT_EQ(all.size(), 1'000U);
    for (std::uint32_t i = 0; i < 1'000; ++i) {
        EXPECT_EQ(all[i].learner, i);
        EXPECT_EQ(all[i].sends, 1);
        const auto outcome = i % 3 == 0   ? Outcome::acknowledged
                             : i % 3 == 1 ? Outcome::refused
                                          : Outcome::unknown;
        EXPECT_EQ(all[i].outcome, outcome);
    }
    EXPECT_EQ(fs::file_size(file()), 32'000U);
}

TEST_F(LedgerFileTest, AnAcknowledgementStays) {
    {
        LedgerWriter ledger(file());
        const auto index = ledger.write(entry(1));
        ledger.settle(index, Outcome::acknowledged, 202);
        ledger.settle(index, Outcome::unknown, 503);
        for (int i = 0; i < 300; ++i) ledger.note_sent(index);
    }
    EXPECT_EQ(read()[0].outcome, Outcome::acknowledged);
    EXPECT_EQ(read()[0].status, 503);
    EXPECT_EQ(read()[0].sends, 255);
}

TEST_F(LedgerFileTest, HoldsOnlyWhatIsInFlight) {
    constexpr std::uint64_t count = 1'000'000;
    {
        LedgerWriter ledger(file());
        std::size_t mapped_max = 0;
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto index = ledger.write(entry(static_cast<std::uint32_t>(i)));
            ledger.settle(index, Outcome::acknowledged, 200);
            if (i % 10'000 == 0) ledger.release_before(index);
            mapped_max = std::max(mapped_max, ledger.mapped_bytes());
        }
        EXPECT_LE(mapped_max, 2U * 8 * 1'048'576);
    }
    const auto all = read();
    ASSERT_EQ(all.size(), count);
    for (std::uint64_t i = 0; i < count; ++i) ASSERT_EQ(all[i].learner, i);
    EXPECT_TRUE(std::ranges::is_sorted(all, {}, &Entry::key));
}

TEST_F(LedgerFileTest, WhatAKilledProcessWroteIsThere) {
    const pid_t child = ::fork();
    if (child == 0) {
        LedgerWriter ledger(file());
        for (std::uint32_t i = 0; i < 12'345; ++i) {
            const auto index = ledger.write(entry(i));
            if (i < 12'000) ledger.settle(index, Outcome::acknowledged, 200);
        }
        ::raise(SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto all = read();
    ASSERT_EQ(all.size(), 12'345U);
    EXPECT_EQ(all[11'999].outcome, Outcome::acknowledged);
    EXPECT_EQ(all[12'000].outcome, Outcome::unknown);
}

TEST_F(LedgerFileTest, NeverWritesOverAnotherRun) {
    { LedgerWriter(file()).write(entry(1)); }
    EXPECT_THROW(LedgerWriter again(file()), std::runtime_error);
    EXPECT_EQ(read().size(), 1U);
}

TEST_F(LedgerFileTest, WhatIsNoLedgerIsRefused) {
    std::ofstream(file()) << "something else";
    EXPECT_THROW(LedgerReader reader(file()), std::runtime_error);
    EXPECT_THROW(LedgerReader reader(directory_ / "nothing"), std::runtime_error);
}

TEST_F(LedgerFileTest, OfNothingIsEmpty) {
    { const LedgerWriter ledger(file()); }
    EXPECT_TRUE(read().empty());
}

TEST(RisingIdsTest, RiseAlsoWhenTheClockDoesNot) {
    RisingIds ids(1);
    const Timestamp time = now();
    UuidBytes last = ids.next(time);
    for (int i = 0; i < 100'000; ++i) {
        // It goes back now and then, too.
        const auto next = ids.next(time + std::chrono::microseconds(i / 100) -
                                   std::chrono::microseconds(i % 7 == 0 ? 50 : 0));
        ASSERT_LT(last, next);
        last = next;
    }
}

TEST(RisingIdsTest, AreUuidsOfTheirTimeAndOfTheirThread) {
    const Timestamp time = now();
    const auto id = RisingIds(1).next(time);
    const auto text = format_uuid(id);
    EXPECT_EQ(text[14], '7');
    EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos);
    EXPECT_EQ(std::stoll(text.substr(0, 8) + text.substr(9, 4), nullptr, 16),
              time.time_since_epoch().count() / 1'000);
    EXPECT_NE(RisingIds(2).next(time), id);
}

}  // namespace
}  // namespace activity::loadtest
