// Published SDKs against the running pipeline: every event that an app hands to its SDK becomes one row with
// what the app said, also when a request was refused or its reply was lost. README.md tells what each of them
// sends.

#include <gtest/gtest.h>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "deploy/stack/harness/directory.h"
#include "deploy/stack/harness/pipeline.h"

namespace activity {
namespace {

using harness::Pipeline;
using harness::PostgresServer;

constexpr const char* write_key = "sdk-test-write-key";
/// What `printf %s sdk-test-write-key | sha256sum` says.
constexpr const char* write_key_sha256 = "96647a9f8352fbbf8b74b0b90264fad524af2faf35bdbcda56a19d6e01fcb3aa";

/// Pages of the browsers' tests have an origin on localhost; the one that must be refused, on 127.0.0.1.
std::string sources(const std::string& limit) {
    return std::string("[[source]]\nname = \"web\"\nkeys = [{ sha256 = \"") + write_key_sha256 +
           "\" }]\norigins = [\"http://localhost:*\"]\n" + limit;
}

class SdksTest : public ::testing::Test {
  protected:
    /// One SDK without a fault, then with each of the faults that it can recover from.
    void drive(const std::string& driver) {
        const std::int64_t rows = run({driver});
        // An event whose reply was lost is in Kafka twice and in PostgreSQL once.
        EXPECT_GT(records(), rows);
    }

    /// Once, within a limit that the SDK does not know: it waits for as long as Retry-After asks it to.
    void drive_limited(const std::string& driver) {
        run({driver, "limited"}, "events_per_second = 10\nburst_events = 20\n");
    }

    /// Returns the number of rows, each of which run.mjs has compared with what was sent.
    std::int64_t run(std::vector<std::string> arguments, const std::string& limit = "") {
        const std::string sources_file = directory_.path() / "sources.toml";
        harness::write_file(sources_file, sources(limit));
        const auto ingest = pipeline_.start_ingest({{"ACTIVITY_SOURCES", sources_file}});
        const auto worker = pipeline_.start_worker();
        arguments.insert(arguments.begin(), ACTIVITY_SDK_TESTS "/run.mjs");
        const std::string output =
            harness::run({std::move(arguments),
                          {{"INGEST_URL", "http://" + pipeline_.ingest().text()},
                           {"WRITE_KEY", write_key},
                           {"DATABASE_URL", pipeline_.url(PostgresServer::As::analyst)}},
                          directory_.path() / "run.log"},
                         std::chrono::minutes(12));
        std::cout << output;
        // "<rows> rows" is its last line.
        const std::size_t last_line = output.find_last_of('\n', output.size() - 2);
        const std::int64_t rows = std::stoll(output.substr(last_line + 1));
        // What comes later than run.mjs looked must not be there either.
        pipeline_.wait_caught_up();
        EXPECT_EQ(pipeline_.stored(), rows);
        EXPECT_EQ(pipeline_.kafka().written({pipeline_.dead_letter_topic()}), 0);
        return rows;
    }

    std::int64_t records() { return pipeline_.kafka().written(pipeline_.event_topics()); }

    Pipeline pipeline_;
    harness::Directory directory_{"sdks"};
};

TEST_F(SdksTest, segment_node) {
    drive("segment_node");
}
TEST_F(SdksTest, segment_python) {
    drive("segment_python");
}
TEST_F(SdksTest, segment_browser) {
    drive("segment_browser");
}
TEST_F(SdksTest, rudder_node) {
    drive("rudder_node");
}
TEST_F(SdksTest, rudder_browser) {
    drive("rudder_browser");
}

/// Nobody repeats a beacon; and what a page of an unlisted origin sends does not even reach Kafka.
TEST_F(SdksTest, beacon) {
    const std::int64_t rows = run({"beacon"});
    EXPECT_EQ(records(), rows);
}

TEST_F(SdksTest, segment_node_waits_when_it_is_limited) {
    drive_limited("segment_node");
}
TEST_F(SdksTest, segment_python_waits_when_it_is_limited) {
    drive_limited("segment_python");
}
TEST_F(SdksTest, rudder_node_waits_when_it_is_limited) {
    drive_limited("rudder_node");
}

}  // namespace
}  // namespace activity
