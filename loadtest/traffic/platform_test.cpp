#include "loadtest/traffic/platform.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace activity::loadtest {
namespace {

std::vector<Deed> deeds(const Mix& mix, std::uint64_t seed, int count) {
    Platform platform(mix, seed);
    std::vector<Deed> all;
    for (int i = 0; i < count; ++i) all.push_back(platform.next());
    return all;
}

std::string text(const Deed& deed) {
    return std::to_string(deed.learner) + " " + std::to_string(deed.activity) + " " +
           std::to_string(deed.late_s) + " " + std::to_string(deed.bad) + " " + deed.properties;
}

TEST(PlatformTest, TheSameSeedMakesTheSameDeeds) {
    const auto one = deeds({}, 5, 10'000), same = deeds({}, 5, 10'000), other = deeds({}, 6, 10'000);
    int differing = 0;
    for (std::size_t i = 0; i < one.size(); ++i) {
        ASSERT_EQ(text(one[i]), text(same[i]));
        differing += text(one[i]) != text(other[i]);
    }
    EXPECT_GT(differing, 9'000);
}

TEST(PlatformTest, AllThatLearnersDoHappens) {
    Mix mix;
    mix.visits.store = 1;
    std::set<int> seen;
    for (const auto& deed : deeds(mix, 1, 100'000)) seen.insert(deed.activity);
    EXPECT_EQ(seen.size(), activities.size());
}

TEST(PlatformTest, PopularCoursesAndClassesHaveMost) {
    std::map<int, int> of_course;
    for (const auto& deed : deeds({}, 1, 200'000)) ++of_course[deed.course];
    of_course.erase(0);
    EXPECT_GT(of_course[1], 10 * of_course[100]);
    EXPECT_LE(of_course.rbegin()->first, 200);
}

TEST(PlatformTest, AClassReactsInBursts) {
    Mix mix;
    mix.visits = {.live_class = 1, .practice = 0, .assignment = 0, .video = 0, .dashboard = 0, .store = 0};
    mix.burst = 50;
    const auto reaction =
        static_cast<std::uint8_t>(std::ranges::find(activities, "Reaction Given") - activities.begin());
    int run = 0, longest = 0, last_course = 0;
    std::set<std::uint32_t> learners, of_longest;
    for (const auto& deed : deeds(mix, 1, 50'000)) {
        const bool goes_on = deed.activity == reaction && deed.course == last_course;
        if (!goes_on) learners.clear();
        run = goes_on ? run + 1 : 1;
        learners.insert(deed.learner);
        last_course = deed.course;
        if (run > longest) {
            longest = run;
            of_longest = learners;
        }
    }
    EXPECT_GT(longest, 40);
    EXPECT_GT(of_longest.size(), 30U) << "many learners react, not one";
}

TEST(PlatformTest, MishapsHaveTheirShares) {
    Mix mix;
    mix.late = 0.1;
    mix.bad = 0.02;
    int late = 0, bad = 0;
    for (const auto& deed : deeds(mix, 1, 100'000)) {
        late += deed.late_s > 0;
        bad += deed.bad;
        EXPECT_LE(deed.late_s, 7'200U);
    }
    EXPECT_NEAR(late, 10'000, 500);
    EXPECT_NEAR(bad, 2'000, 250);
}

TEST(PlatformTest, ALearnerSaysFirstWhatTheyHaveInTheirHands) {
    Mix mix;
    mix.active = 1;
    mix.learners = 1;
    mix.visits = {.live_class = 0, .practice = 1, .assignment = 0, .video = 0, .dashboard = 0, .store = 0};
    const auto all = deeds(mix, 3, 200);
    for (std::size_t i = 1; i < all.size(); ++i) {
        if (activities[all[i].activity] == "Location Updated") {
            EXPECT_EQ(activities[all[i - 1].activity], "Device Used");
        }
        if (activities[all[i].activity] == "Problem Submitted") {
            const auto before = activities[all[i - 1].activity];
            EXPECT_TRUE(before == "Problem Opened" || before == "Problem Submitted") << before;
        }
    }
}

}  // namespace
}  // namespace activity::loadtest
