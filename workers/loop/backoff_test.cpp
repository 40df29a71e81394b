#include "workers/loop/backoff.h"

#include <gtest/gtest.h>

namespace activity::workers {
namespace {

using std::chrono::milliseconds;

TEST(BackoffTest, DoublesUpToItsLimitWithJitter) {
    for (unsigned seed = 0; seed < 100; ++seed) {
        Backoff backoff(milliseconds(100), milliseconds(1'000), seed);
        for (const int full : {100, 200, 400, 800, 1'000, 1'000}) {
            const auto wait = backoff.next().count();
            EXPECT_GE(wait, full / 2);
            EXPECT_LE(wait, full);
        }
        backoff.reset();
        EXPECT_LE(backoff.next().count(), 100);
    }
}

}  // namespace
}  // namespace activity::workers
