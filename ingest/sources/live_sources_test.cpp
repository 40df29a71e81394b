#include "ingest/sources/live_sources.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <unistd.h>
#include <fstream>

namespace activity::ingest {
namespace {

class LiveSourcesTest : public testing::Test {
  protected:
    LiveSourcesTest() { write(one_source("web", "key-1")); }

    static std::string one_source(const std::string& name, const std::string& key,
                                  const std::string& more = "", const std::string& key_more = "") {
        return "[[source]]\nname = \"" + name + "\"\nkeys = [{ sha256 = \"" + format_hash(hash_key(key)) +
               "\"" + key_more + " }]\n" + more;
    }
    void write(const std::string& text) { std::ofstream(file_) << text; }
    /// A change is taken over by the second look that sees it.
    void poll(LiveSources& sources) {
        sources.poll(now_);
        sources.poll(now_);
    }

    const std::string file_ = testing::TempDir() + "live_sources_" + std::to_string(::getpid()) + ".toml";
    const Timestamp now_ = activity::now();
    prometheus::Registry registry_;
    IngestMetrics metrics_{registry_};
};

TEST_F(LiveSourcesTest, TakeAChangeOver) {
    LiveSources sources(Sources::load(file_), file_, metrics_);
    const auto before = sources.table();
    const std::uint64_t version = sources.version();
    poll(sources);
    EXPECT_EQ(sources.version(), version) << "nothing changed";
    write(one_source("web", "key-2") + one_source("app", "key-3"));
    sources.poll(now_);
    EXPECT_EQ(sources.version(), version) << "perhaps half of it is written";
    sources.poll(now_);
    EXPECT_GT(sources.version(), version);
    EXPECT_EQ(sources.table()->find("key-1", now_), nullptr);
    EXPECT_NE(sources.table()->find("key-3", now_), nullptr);
    EXPECT_EQ(sources.table()->find("key-2", now_)->state, before->find("key-1", now_)->state)
        << "the same source as before, with its counters and its bucket";
}

TEST_F(LiveSourcesTest, StayAsTheyWereWhenTheFileIsBroken) {
    LiveSources sources(Sources::load(file_), file_, metrics_);
    for (const char* broken : {"[[source]\n", "[[source]]\nname = \"a b\"\n", ""}) {
        write(broken);
        poll(sources);
        EXPECT_NE(sources.table()->find("key-1", now_), nullptr) << broken;
        EXPECT_EQ(metrics_.sources_valid.Value(), 0) << broken;
    }
    std::filesystem::remove(file_);
    poll(sources);
    EXPECT_NE(sources.table()->find("key-1", now_), nullptr) << "removed";
    write(one_source("web", "key-2"));
    poll(sources);
    EXPECT_EQ(metrics_.sources_valid.Value(), 1);
    EXPECT_NE(sources.table()->find("key-2", now_), nullptr);
}

TEST_F(LiveSourcesTest, PublishANewTableWhenAKeyExpires) {
    const Timestamp expiry = std::chrono::floor<std::chrono::seconds>(now_) + std::chrono::hours(1);
    std::string text = format_timestamp(expiry);
    write(one_source("web", "key-1", "", ", expires = " + text));
    LiveSources sources(Sources::load(file_), file_, metrics_);
    const std::uint64_t version = sources.version();
    sources.poll(expiry - std::chrono::seconds(1));
    EXPECT_EQ(sources.version(), version);
    sources.poll(expiry);
    EXPECT_GT(sources.version(), version) << "whoever remembers the key has to ask again";
}

TEST_F(LiveSourcesTest, DropByActivityAndAlwaysTheSameLearners) {
    write(one_source("web", "key-1",
                     R"(drop = [{ activity = "Video Paused", keep = 0.25 }, { activity = "noise" }])"
                     "\n"));
    LiveSources sources(Sources::load(file_), file_, metrics_);
    const LiveSource& source = *sources.table()->find("key-1", now_);
    int kept = 0;
    for (int learner = 0; learner < 1'000; ++learner) {
        const std::string id = "learner-" + std::to_string(learner);
        const bool dropped = source.drop_rule("video_paused", id) != nullptr;
        EXPECT_EQ(source.drop_rule("Video Paused", id) != nullptr, dropped);
        EXPECT_NE(source.drop_rule("Noise", id), nullptr);
        EXPECT_EQ(source.drop_rule("Question Asked", id), nullptr);
        kept += dropped ? 0 : 1;
    }
    EXPECT_NEAR(kept, 250, 60);
}

TEST_F(LiveSourcesTest, AnswerOriginsBySources) {
    write(one_source("web", "key-1", "origins = [\"https://school.example\"]\n") +
          one_source("off", "key-2", "enabled = false\norigins = [\"*\"]\n"));
    LiveSources sources(Sources::load(file_), file_, metrics_);
    EXPECT_EQ(sources.table()->answer_to("https://school.example"), OriginAnswer::listed);
    EXPECT_EQ(sources.table()->answer_to("https://other.example"), OriginAnswer::none);
    write(one_source("web", "key-1", "origins = [\"https://school.example\"]\n") +
          one_source("any", "key-2", "origins = [\"*\"]\n"));
    poll(sources);
    EXPECT_EQ(sources.table()->answer_to("https://school.example"), OriginAnswer::listed);
    EXPECT_EQ(sources.table()->answer_to("https://other.example"), OriginAnswer::any);
}

}  // namespace
}  // namespace activity::ingest
