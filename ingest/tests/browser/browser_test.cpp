// Our browser client in a real Chromium, against the whole pipeline. The scenarios are scenarios.mjs; here is
// what they run against.

#include <gtest/gtest.h>
#include <chrono>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>

#include "deploy/stack/harness/directory.h"
#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"

namespace activity {
namespace {

using harness::Directory;
using harness::Exit;
using harness::Pipeline;
using harness::Process;
using harness::Program;
using harness::wait_until;

int lines(const std::string& output, const std::string& wanted) {
    std::istringstream stream(output);
    int count = 0;
    for (std::string line; std::getline(stream, line);) count += line == wanted;
    return count;
}

TEST(BrowserTest, nothing_that_a_page_tracks_is_lost_or_doubled) {
    Pipeline pipeline;
    const Directory directory("browser");
    const auto worker = pipeline.start_worker();
    std::optional<Program> ingest = pipeline.start_ingest();
    Process scenarios({{"/usr/bin/env", "node", ACTIVITY_SOURCE_DIR "/ingest/tests/browser/run.mjs"},
                       {{"INGEST_URL", "http://" + pipeline.ingest().text()},
                        {"WRITE_KEY", harness::write_key},
                        {"DATABASE_URL", pipeline.url(harness::PostgresServer::As::analyst)},
                        {"INGEST_RESTARTS", "1"}},
                       directory.path() / "scenarios.log"});

    // The scenarios ask for it by a line, and go on when ingest's address says that it has happened.
    int killed = 0, started = 0;
    const auto through = [&] {
        const std::string output = scenarios.output();
        if (lines(output, "kill ingest") > killed) {
            ingest->process().kill();
            ++killed;
        }
        if (lines(output, "start ingest") > started) {
            ingest.emplace(pipeline.start_ingest());
            ++started;
        }
        return !scenarios.running();
    };
    EXPECT_NO_THROW(wait_until("the scenarios are through", through, std::chrono::minutes(8)));
    std::cout << scenarios.output();
    ASSERT_EQ(scenarios.wait(std::chrono::milliseconds(0)), (Exit{0, 0}));
    EXPECT_EQ(killed, 1);
    EXPECT_EQ(started, 1);

    pipeline.wait_caught_up();
    EXPECT_EQ(pipeline.kafka().written({pipeline.dead_letter_topic()}), 0);
    EXPECT_GT(pipeline.kafka().written(pipeline.event_topics()), pipeline.stored())
        << "no event came twice, so this proves nothing";
}

}  // namespace
}  // namespace activity
