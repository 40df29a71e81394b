#include "deploy/activityctl/sources_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fstream>
#include <thread>

#include "deploy/activityctl/context.h"

namespace activity::ctl {
namespace {

class SourcesFileTest : public testing::Test {
  protected:
    SourcesFileTest() { std::filesystem::remove(path_); }

    static Source source(const std::string& name, const std::string& key) {
        Source source;
        source.name = name;
        source.keys.push_back({hash_key(key), std::nullopt, std::nullopt});
        return source;
    }
    void add(const std::string& name, const std::string& key) {
        file_.edit([&](auto& sources) { sources.push_back(source(name, key)); });
    }

    const std::filesystem::path path_ =
        testing::TempDir() + "sources_file_" + std::to_string(::getpid()) + ".toml";
    const SourcesFile file_{path_};
    const Timestamp now_ = parse_timestamp("2026-11-21T12:00:00Z").value();
};

TEST_F(SourcesFileTest, IsMadeByTheFirstEdit) {
    EXPECT_TRUE(file_.read().empty());
    add("web", "k");
    EXPECT_EQ(Sources::load(path_).find("k", now_)->name, "web");
}

TEST_F(SourcesFileTest, KeepsItsModeAndStaysAsItWasWhenAnEditIsBad) {
    add("web", "k");
    ::chmod(path_.c_str(), 0604);
    add("app", "l");
    struct stat now {};
    ::stat(path_.c_str(), &now);
    EXPECT_EQ(now.st_mode & 0777U, 0604U);
    EXPECT_THROW(add("web", "m"), SourcesError) << "twice the same name";
    EXPECT_THROW(add("a b", "m"), SourcesError);
    EXPECT_THROW(add("new", "k"), SourcesError) << "twice the same key";
    EXPECT_EQ(file_.read().size(), 2U);
}

TEST_F(SourcesFileTest, LosesNothingWhenManyEditAtOnce) {
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([this, thread] {
            for (int i = 0; i < 10; ++i) {
                const std::string name = "s" + std::to_string(thread) + "-" + std::to_string(i);
                add(name, "key-" + name);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(file_.read().size(), 40U);
}

TEST_F(SourcesFileTest, RotatesWithTwoKeysValidAndThenOne) {
    Source web = source("web", "old");
    web.keys.push_back({hash_key("gone"), std::nullopt, now_ - std::chrono::seconds(1)});
    web.keys.push_back({hash_key("going"), std::nullopt, now_ + std::chrono::minutes(5)});
    rotate(web, hash_key("new"), now_, now_ + std::chrono::hours(1));
    const Sources sources({web});
    EXPECT_NE(sources.find("new", now_), nullptr);
    EXPECT_NE(sources.find("old", now_ + std::chrono::minutes(59)), nullptr);
    EXPECT_EQ(sources.find("old", now_ + std::chrono::hours(1)), nullptr);
    EXPECT_EQ(sources.find("going", now_ + std::chrono::minutes(6)), nullptr) << "not prolonged";
    EXPECT_EQ(web.keys.size(), 3U) << "what had expired is gone";
    EXPECT_EQ(web.keys.back().created, now_);
}

TEST_F(SourcesFileTest, RevokesTheOneKeyThatIsMeant) {
    Source web = source("web", "a");
    web.keys.push_back({hash_key("b"), std::nullopt, std::nullopt});
    EXPECT_THROW(revoke(web, ""), CommandError) << "both";
    EXPECT_THROW(revoke(web, "xyz"), CommandError) << "none";
    revoke(web, format_hash(hash_key("a")).substr(0, 12));
    ASSERT_EQ(web.keys.size(), 1U);
    EXPECT_EQ(web.keys[0].hash, hash_key("b"));
}

TEST_F(SourcesFileTest, MakesKeysThatDiffer) {
    EXPECT_EQ(new_write_key().size(), 40U);
    EXPECT_NE(new_write_key(), new_write_key());
}

}  // namespace
}  // namespace activity::ctl
