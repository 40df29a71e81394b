#include "ingest/sources/rate_limit.h"

#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace activity::ingest {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class TokenBucketTest : public testing::Test {
  protected:
    TokenBucket::Clock::time_point now_ = TokenBucket::Clock::now();
    TokenBucket bucket_;
};

TEST_F(TokenBucketTest, LetsABurstInAndThenTheRate) {
    bucket_.set(10, 5);
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(bucket_.has_token(now_)) << i;
        bucket_.take(1, now_);
    }
    EXPECT_FALSE(bucket_.has_token(now_));
    EXPECT_FALSE(bucket_.has_token(now_ + milliseconds(99)));
    EXPECT_TRUE(bucket_.has_token(now_ + milliseconds(101)));
    EXPECT_EQ(bucket_.state(now_ + milliseconds(251)).remaining, 2U);
    EXPECT_EQ(bucket_.state(now_ + seconds(100)).remaining, 5U) << "never more than the burst";
}

TEST_F(TokenBucketTest, MakesALargeBatchPayAfterwards) {
    bucket_.set(10, 5);
    bucket_.take(100, now_);
    EXPECT_FALSE(bucket_.has_token(now_ + seconds(9)));
    const RateState state = bucket_.state(now_);
    EXPECT_EQ(state.limit, 5U);
    EXPECT_EQ(state.remaining, 0U);
    EXPECT_EQ(state.reset, seconds(10));
    EXPECT_EQ(state.retry_after, seconds(10));  // 9.6, rounded up
    EXPECT_TRUE(bucket_.has_token(now_ + state.retry_after));
}

TEST_F(TokenBucketTest, SaysAtLeastASecond) {
    bucket_.set(1'000, 1);
    bucket_.take(1, now_);
    EXPECT_EQ(bucket_.state(now_).retry_after, seconds(1));
    EXPECT_EQ(bucket_.state(now_ + milliseconds(2)).retry_after, seconds(0));
}

TEST_F(TokenBucketTest, WithoutALimitTakesNoNotice) {
    bucket_.take(1'000'000, now_);
    EXPECT_TRUE(bucket_.has_token(now_));
    bucket_.set(1, 1);
    EXPECT_TRUE(bucket_.has_token(now_));
    bucket_.take(2, now_);
    bucket_.set(0, 0);
    EXPECT_TRUE(bucket_.has_token(now_));
}

TEST_F(TokenBucketTest, CountsEveryTokenOfManyThreads) {
    bucket_.set(1, 100'000);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([this] {
            for (int n = 0; n < 10'000; ++n) bucket_.take(1, now_);
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(bucket_.state(now_).remaining, 60'000U);
}

}  // namespace
}  // namespace activity::ingest
