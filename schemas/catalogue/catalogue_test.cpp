#include "schemas/catalogue/catalogue.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <fstream>

namespace activity {
namespace {

class CatalogueFileTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "catalogueXXXXXX";
        directory_ = ::mkdtemp(pattern.data());
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    std::string mistakes_in(const std::string& toml) {
        std::ofstream(directory_ / "catalogue.toml") << toml;
        try {
            Catalogue::load(directory_ / "catalogue.toml");
        } catch (const CatalogueError& error) {
            return error.what();
        }
        return "";
    }

    std::filesystem::path directory_;
};

TEST(Catalogue, OfTheProjectNamesEveryActivityOfAPlatform) {
    const Catalogue catalogue = Catalogue::load(Catalogue::default_file());
    for (const char* name : {"Question Asked", "Chat Message Sent", "Reaction Given", "Lecture Joined",
                             "Lecture Left", "Problem Opened", "Problem Submitted", "Assignment Submitted",
                             "Dashboard Viewed", "Leaderboard Viewed", "Store Order Placed", "Device Used",
                             "Location Updated", "Page Viewed", "Video Played", "Video Paused",
                             "Resource Clicked"}) {
        const CatalogueActivity* activity = catalogue.find(EventType::track, name);
        ASSERT_NE(activity, nullptr) << name;
        EXPECT_FALSE(activity->schema.empty()) << name;
    }
}

TEST(Catalogue, MatchesNamesInAnySpelling) {
    const Catalogue catalogue = Catalogue::load(Catalogue::default_file());
    for (const char* name : {"question_asked", "questionAsked", "QUESTION ASKED", "question-asked"}) {
        const CatalogueActivity* activity = catalogue.find(EventType::track, name);
        ASSERT_NE(activity, nullptr) << name;
        EXPECT_EQ(activity->id, "question_asked");
        EXPECT_EQ(activity->topic, "live-class");
    }
}

TEST(Catalogue, KeepsBusyChatAwayFromOrders) {
    const Catalogue catalogue = Catalogue::load(Catalogue::default_file());
    EXPECT_NE(catalogue.find(EventType::track, "Chat Message Sent")->topic,
              catalogue.find(EventType::track, "Store Order Placed")->topic);
}

TEST(Catalogue, HasATopicForWhatItDoesNotKnow) {
    const Catalogue catalogue = Catalogue::load(Catalogue::default_file());
    EXPECT_EQ(catalogue.find(EventType::track, "Spaceship Launched"), nullptr);
    EXPECT_EQ(catalogue.unknown_topic().name, "other");
}

TEST(Catalogue, HasAnEntryForEveryCall) {
    const Catalogue catalogue = Catalogue::load(Catalogue::default_file());
    EXPECT_EQ(catalogue.find(EventType::page, "anything")->id, "page_viewed");
    EXPECT_EQ(catalogue.find(EventType::identify, {})->id, "learner_identified");
    EXPECT_EQ(catalogue.find(EventType::group, {})->id, "group_joined");
}

TEST_F(CatalogueFileTest, ReportsEveryMistakeWithItsPlace) {
    const std::string text = mistakes_in(R"(
unknown_topic = "nowhere"
[[topic]]
name = "Live Class"
partitions = 0
[[topic]]
name = "practice"
partitons = 8
[[activity]]
id = "a"
name = "Same Name"
topic = "missing"
schema = "none.json"
[[activity]]
id = "a"
name = "same_name"
topic = "practice"
type = "track"
)");
    for (const char* part :
         {"topic 1: name must be", "topic 1: partitions must be", "topic 2: partitons is no member",
          "activity a: topic: there is no [[topic]] named missing", "none.json",
          "activity a: there is another activity of this id", "name: another activity has the same name",
          "type must be one of", "none has type = \"identify\"", "no [[topic]] named nowhere"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << "\nin:\n" << text;
    }
}

TEST_F(CatalogueFileTest, ReportsTheLineOfASyntaxError) {
    EXPECT_NE(mistakes_in("unknown_topic = \n").find("(line 1)"), std::string::npos);
}

}  // namespace
}  // namespace activity
