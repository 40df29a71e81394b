// Published SDKs against the running pipeline: every event that an app hands to its SDK becomes one row with
// what the app said, also when a request was refused or its reply was lost. README.md tells what each of them
// sends.

#include <gtest/gtest.h>
#include <iostream>
#include <string>

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
const std::string sources = std::string("[[source]]\nname = \"web\"\nkeys = [{ sha256 = \"") +
                            write_key_sha256 + "\" }]\norigins = [\"http://localhost:*\"]\n";

class SdksTest : public ::testing::Test {
  protected:
    /// Runs one SDK's driver without a fault, then with each of the faults that it can recover from. Returns
    /// the number of rows, which run.mjs has compared with what was sent.
    std::int64_t drive(const std::string& driver) {
        const std::string sources_file = directory_.path() / "sources.toml";
        harness::write_file(sources_file, sources);
        const auto ingest = pipeline_.start_ingest({{"ACTIVITY_SOURCES", sources_file}});
        const auto worker = pipeline_.start_worker();
        const std::string output =
            harness::run({{ACTIVITY_SDK_TESTS "/run.mjs", driver},
                          {{"INGEST_URL", "http://" + pipeline_.ingest().text()},
                           {"WRITE_KEY", write_key},
                           {"DATABASE_URL", pipeline_.url(PostgresServer::As::analyst)}},
                          directory_.path() / (driver + ".log")},
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

// An event whose reply was lost is in Kafka twice and in PostgreSQL once.

TEST_F(SdksTest, segment_node) {
    const std::int64_t rows = drive("segment_node");
    EXPECT_GT(records(), rows);
}

TEST_F(SdksTest, segment_python) {
    const std::int64_t rows = drive("segment_python");
    EXPECT_GT(records(), rows);
}

TEST_F(SdksTest, segment_browser) {
    const std::int64_t rows = drive("segment_browser");
    EXPECT_GT(records(), rows);
}

TEST_F(SdksTest, rudder_node) {
    const std::int64_t rows = drive("rudder_node");
    EXPECT_GT(records(), rows);
}

TEST_F(SdksTest, rudder_browser) {
    const std::int64_t rows = drive("rudder_browser");
    EXPECT_GT(records(), rows);
}

/// Nobody repeats a beacon; and what a page of an unlisted origin sends does not even reach Kafka.
TEST_F(SdksTest, beacon) {
    const std::int64_t rows = drive("beacon");
    EXPECT_EQ(records(), rows);
}

}  // namespace
}  // namespace activity
