#include "ingest/receipts/current_sources.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>

namespace activity::receipts {
namespace {

using namespace std::chrono_literals;

class CurrentSourcesTest : public ::testing::Test {
  protected:
    CurrentSourcesTest() { write(source("web", "key 1"), 1h); }
    ~CurrentSourcesTest() override { std::filesystem::remove(file_); }

    static std::string source(const std::string& name, const std::string& key, const std::string& more = "") {
        return "[[source]]\nname = \"" + name + "\"\n" + more + "keys = [{ sha256 = \"" +
               format_hash(hash_key(key)) + "\" }]\n";
    }

    /// As if it had been written that long ago.
    void write(const std::string& text, std::chrono::milliseconds ago) {
        std::ofstream(file_) << text;
        std::filesystem::last_write_time(file_, std::filesystem::file_time_type::clock::now() - ago);
    }

    const std::filesystem::path file_ =
        std::filesystem::temp_directory_path() / ("activity-sources-" + std::to_string(::getpid()) + ".toml");
};

TEST_F(CurrentSourcesTest, TellsWhoseAKeyIs) {
    CurrentSources sources(Sources::load(file_), file_);
    const auto asker = sources.find("key 1");
    ASSERT_TRUE(asker);
    EXPECT_EQ(asker->source, "web");
    EXPECT_TRUE(asker->enabled);
    EXPECT_FALSE(sources.find("key 2"));
}

TEST_F(CurrentSourcesTest, AChangeOfTheFileCountsAtOnce) {
    CurrentSources sources(Sources::load(file_), file_);
    write(source("web", "key 2", "enabled = false\n"), 1min);
    EXPECT_FALSE(sources.find("key 1")) << "a key that was withdrawn";
    ASSERT_TRUE(sources.find("key 2"));
    EXPECT_FALSE(sources.find("key 2")->enabled);
}

TEST_F(CurrentSourcesTest, WhatIsBeingWrittenIsLeftAlone) {
    CurrentSources sources(Sources::load(file_), file_);
    write(source("web", "key 2"), 0ms);
    EXPECT_TRUE(sources.find("key 1"));
    write(source("web", "key 2"), 1min);
    EXPECT_TRUE(sources.find("key 2"));
}

TEST_F(CurrentSourcesTest, ABrokenOrMissingFileChangesNothing) {
    CurrentSources sources(Sources::load(file_), file_);
    write("[[source]]\nname = 7\n", 1min);
    EXPECT_TRUE(sources.find("key 1"));
    std::filesystem::remove(file_);
    EXPECT_TRUE(sources.find("key 1"));
    write(source("web", "key 2"), 2min);
    EXPECT_TRUE(sources.find("key 2")) << "and a good one counts again";
}

}  // namespace
}  // namespace activity::receipts
