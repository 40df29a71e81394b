// The database is migrated while events come in: what waits, waits for moments, and nothing else happens.

#include <gtest/gtest.h>
#include <algorithm>
#include <filesystem>
#include <string>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"
#include "workers/tests/answers.h"

namespace activity {
namespace {

using harness::Ledger;
using harness::Load;
using harness::Outcome;
using harness::Pipeline;
using harness::wait_until;

namespace fs = std::filesystem;

/// The project's migrations and one more, which does what later ones do: a column and an index of a large
/// table that is written to, a group of its own, a view made anew.
fs::path with_one_more(const fs::path& directory) {
    fs::copy(ACTIVITY_SOURCE_DIR "/migrations", directory, fs::copy_options::recursive);
    int last = 0;
    for (const auto& file : fs::directory_iterator(directory))
        if (file.path().extension() == ".sql")
            last = std::max(last, std::stoi(file.path().filename().string().substr(0, 4)));
    std::string number = std::to_string(last + 1);
    number.insert(0, 4 - number.size(), '0');
    harness::write_file(directory / (number + "_one_more.sql"), R"(-- What a test adds.
SET LOCAL ROLE activity_owner;
ALTER TABLE activity.event ADD COLUMN channel text;
COMMENT ON COLUMN activity.event.channel IS 'A test''s.';
CREATE INDEX event_channel ON activity.event (channel) WHERE channel IS NOT NULL;
SELECT activity.create_group('one_more', 'A test''s.');
RESET ROLE;
)");
    return directory;
}

TEST(MigrationTest, under_load) {
    Pipeline pipeline;
    Ledger ledger;
    const auto ingest = pipeline.start_ingest();
    auto worker = pipeline.start_worker({}, 2, "all");
    Load load(pipeline.ingest(), ledger, {.events_per_request = 10, .requests_per_second = 100});
    wait_until("the workers store", [&] { return pipeline.stored() > 2'000; });

    const harness::Directory directory("migrations");
    const auto migrations = with_one_more(directory.path() / "all");
    const std::string output = pipeline.activityctl({"migrate", "--dir", migrations});
    EXPECT_NE(output.find("one_more"), std::string::npos) << output;
    EXPECT_EQ(pipeline.session().number("SELECT count(*) FROM activity.worker_group WHERE name = 'one_more'"),
              1);
    const std::int64_t stored = pipeline.stored();
    wait_until("the workers go on", [&] { return pipeline.stored() > stored + 1'000; });
    // A day more, as the daily job makes it.
    pipeline.activityctl({"partitions", "create", "--days-ahead", "5"});

    load.stop();
    harness::expect_ledger_holds(pipeline, ledger);
    testing_workers::expect_answers_hold(pipeline);
    EXPECT_EQ(ledger.count(Outcome::acknowledged), ledger.size());
    EXPECT_EQ(worker.metric("activity_worker_records_dead_lettered_total"), 0);
    EXPECT_EQ(worker.metric("activity_worker_records_retried_total"), 0);
    EXPECT_TRUE(worker.is_ready());
}

}  // namespace
}  // namespace activity
