#include "workers/groups/leaderboard/rules.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "schemas/catalogue/catalogue.h"

namespace activity::workers {
namespace {

class PointsRulesTest : public ::testing::Test {
  protected:
    ~PointsRulesTest() override { std::filesystem::remove(file_); }

    PointsRules load(const std::string& text) {
        std::ofstream(file_) << text;
        return PointsRules::load(file_);
    }
    std::string mistakes(const std::string& text) {
        try {
            load(text);
        } catch (const PointsRulesError& error) {
            return error.what();
        }
        return "";
    }

    const std::filesystem::path file_ =
        std::filesystem::temp_directory_path() / ("points." + std::to_string(::getpid()) + ".toml");
    PropertiesReader reader_;
};

TEST_F(PointsRulesTest, OfTheProjectAreOfActivitiesThatTheCatalogueKnows) {
    const auto rules = PointsRules::load(PointsRules::default_file());
    const auto catalogue = Catalogue::load(Catalogue::default_file());
    for (const auto& activity : rules.activities()) {
        EXPECT_TRUE(std::ranges::any_of(catalogue.activities(), [&](const auto& known) {
            return known.id == activity;
        })) << activity;
    }
    EXPECT_EQ(rules.find("page_viewed"), nullptr);
}

TEST_F(PointsRulesTest, KeepTheOrderOfTheFile) {
    const auto rules = load(R"(
        [[rule]]
        name = "solved"
        activity = "problem_submitted"
        when = { solved = true, attempt = 1, language = "c" }
        once_per = "problemId"
        points = 10
        [[rule]]
        name = "tried"
        activity = "problem_submitted"
        points = 1)");
    const auto* of = rules.find("problem_submitted");
    ASSERT_NE(of, nullptr);
    ASSERT_EQ(of->size(), 2U);
    EXPECT_EQ(of->at(0).name, "solved");
    EXPECT_EQ(of->at(0).points, 10);
    EXPECT_EQ(of->at(0).once_per, "problemId");
    EXPECT_EQ(of->at(1).name, "tried");
    EXPECT_EQ(of->at(1).once_per, "");
}

TEST_F(PointsRulesTest, FitWhereAllPropertiesAreAsTheySay) {
    const auto rules = load(R"(
        [[rule]]
        name = "solved"
        activity = "problem_submitted"
        when = { solved = true, attempt = 1, language = "c" }
        points = 10)");
    const auto& rule = rules.find("problem_submitted")->front();
    EXPECT_TRUE(rule.fits(reader_.read(R"({"solved":true,"attempt":1,"language":"c","more":1})")));
    EXPECT_FALSE(rule.fits(reader_.read(R"({"solved":false,"attempt":1,"language":"c"})")));
    EXPECT_FALSE(rule.fits(reader_.read(R"({"solved":true,"attempt":2,"language":"c"})")));
    EXPECT_FALSE(rule.fits(reader_.read(R"({"solved":true,"attempt":1,"language":"d"})")));
    EXPECT_FALSE(rule.fits(reader_.read(R"({"solved":"true","attempt":1,"language":"c"})")));
    EXPECT_FALSE(rule.fits(reader_.read("{}")));
}

TEST_F(PointsRulesTest, EveryMistakeIsNamedWithItsRuleAndField) {
    const auto text = mistakes(R"(
        more = 1
        [[rule]]
        name = "Bad Name"
        activity = "a"
        points = 1
        [[rule]]
        name = "free"
        points = 0
        [[rule]]
        name = "free"
        activity = "a"
        points = 1.5
        once_per = 7
        when = { solved = 1.5 }
        colour = "red"
        [[rule]]
        activity = "a"
        points = 1000001
        when = true)");
    for (const auto* part :
         {"top level: more is no member", "rule Bad Name: name must be", "rule free: activity must be",
          "rule free: points must be", "rule free: name stands twice", "rule free: once_per must be",
          "rule free: when: solved must be", "rule free: colour is no member", "rule 4: name must be",
          "rule 4: points must be", "rule 4: when must be"})
        EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    EXPECT_NE(text.find(file_.string()), std::string::npos);
}

TEST_F(PointsRulesTest, AFileThatIsNoneIsNamed) {
    EXPECT_NE(mistakes("").find("at least one [[rule]]"), std::string::npos);
    EXPECT_NE(mistakes("[[rule]\n").find("line 1"), std::string::npos);
    EXPECT_THROW(PointsRules::load("/nowhere/points.toml"), PointsRulesError);
}

}  // namespace
}  // namespace activity::workers
