// The HTTP API is what openapi.json says, and the page about it works: the tests of this directory, against
// an ingest of their own. `ingest/tests/api/run` runs the same against any.

#include <gtest/gtest.h>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include "deploy/stack/harness/pipeline.h"

namespace activity {
namespace {

using harness::Environment;
using harness::Pipeline;
using harness::Program;

const std::string directory = ACTIVITY_SOURCE_DIR "/ingest/tests/api";

/// The first run also installs what the tests need.
constexpr std::chrono::minutes patience_for_downloads{10};

class ApiTest : public ::testing::Test {
  protected:
    /// A part of the tests. Throws with all that it wrote if it fails.
    void run(const std::string& part) {
        Environment environment{{"INGEST_URL", "http://" + pipeline_.ingest().text()},
                                {"WRITE_KEY", harness::write_key},
                                {"API_TEST_SOURCES", "yes"}};
        if (const char* seed = std::getenv("ACTIVITY_TEST_SEED")) environment["ACTIVITY_TEST_SEED"] = seed;
        std::cout << harness::run(
            {{directory + "/run", part}, environment, directory_.path() / (part + ".log")},
            patience_for_downloads);
    }

    harness::Directory directory_{"api"};
    Pipeline pipeline_;
    // A request that never ends is among them: with the default the test would wait for 30 s.
    Program ingest_ = pipeline_.start_ingest(
        {{"ACTIVITY_SOURCES", directory + "/sources.toml"}, {"ACTIVITY_INGEST_BODY_TIMEOUT_MS", "1500"}});
};

TEST_F(ApiTest, the_description_is_well_formed) {
    EXPECT_NO_THROW(run("lint"));
}

TEST_F(ApiTest, every_answer_is_the_documented_one) {
    EXPECT_NO_THROW(run("exchanges"));
}

TEST_F(ApiTest, whatever_is_sent_is_answered_as_documented) {
    EXPECT_NO_THROW(run("generated"));
    EXPECT_TRUE(ingest_.process().running());
}

TEST_F(ApiTest, the_page_shows_the_api_and_sends_an_event) {
    EXPECT_NO_THROW(run("docs"));
    // Of the page's own requests, those that were answered 202 are in Kafka.
    EXPECT_GT(pipeline_.kafka().written({pipeline_.topic("live-class")}), 0);
}

}  // namespace
}  // namespace activity
