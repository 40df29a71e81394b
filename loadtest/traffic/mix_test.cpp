#include "loadtest/traffic/mix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace activity::loadtest {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class MixTest : public ::testing::Test {
  protected:
    ~MixTest() override { fs::remove(file_); }

    Mix read(const std::string& text) {
        std::ofstream(file_) << text;
        return read_mix(file_);
    }
    std::string mistakes(const std::string& text) {
        try {
            read(text);
        } catch (const std::invalid_argument& error) {
            return error.what();
        }
        return {};
    }

    fs::path file_ = fs::temp_directory_path() / ("activity-mix-" + std::to_string(::getpid()) + ".toml");
};

TEST_F(MixTest, PresetsAreGood) {
    int count = 0;
    for (const auto& preset : fs::directory_iterator(ACTIVITY_LOADTEST_PRESETS)) {
        EXPECT_NO_THROW(read_mix(preset.path())) << preset.path();
        ++count;
    }
    EXPECT_GE(count, 4);
}

TEST_F(MixTest, WhatIsNotSaidIsAsUsual) {
    const auto mix = read("learners = 7\nactive = 5\n[visits]\nstore = 2\n");
    EXPECT_EQ(mix.learners, 7U);
    EXPECT_EQ(mix.courses, Mix().courses);
    EXPECT_EQ(mix.visits.store, 2);
    EXPECT_EQ(mix.visits.live_class, Mix().visits.live_class);
}

TEST_F(MixTest, EveryMistakeIsNamed) {
    const auto all =
        mistakes("learners = 0\nbad = 1.5\nlerners = 3\ncourses = 2.5\n[visits]\nvideo = -1\nsleep = 1\n");
    for (const char* const part :
         {"learners is not a whole number from 1 to", "bad is not a number from 0 to 1",
          "lerners is not known", "courses is not a whole number", "visits.video is not",
          "visits.sleep is not known"})
        EXPECT_THAT(all, HasSubstr(part));
}

TEST_F(MixTest, ContradictionsAreMistakes) {
    EXPECT_THAT(mistakes("courses = 3\nclasses = 4\n"), HasSubstr("classes is more than courses"));
    EXPECT_THAT(mistakes("learners = 3\nactive = 4\n"), HasSubstr("active is more than learners"));
    EXPECT_THAT(
        mistakes(
            "[visits]\nlive_class = 0\npractice = 0\nassignment = 0\nvideo = 0\ndashboard = 0\nstore = 0\n"),
        HasSubstr("no weight"));
}

TEST_F(MixTest, BadTomlIsToldWithItsLine) {
    EXPECT_THAT(mistakes("learners = 3\nactive = = 4\n"), HasSubstr("line 2"));
}

}  // namespace
}  // namespace activity::loadtest
