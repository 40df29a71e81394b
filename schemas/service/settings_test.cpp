#include "schemas/service/settings.h"

#include <gtest/gtest.h>
#include <fstream>

namespace activity::service {
namespace {

using std::chrono::milliseconds;

std::string mistakes_of(const SettingsReader& reader) {
    try {
        reader.finish();
    } catch (const SettingsError& error) {
        return error.what();
    }
    return "";
}

TEST(Settings, AreReadByName) {
    SettingsReader reader({{"ACTIVITY_A", "127.0.0.1:80"}, {"ACTIVITY_B", "7"}, {"ACTIVITY_C", "[::1]:0"}});
    EXPECT_EQ(reader.address("ACTIVITY_A", "", "x:1").text(), "127.0.0.1:80");
    EXPECT_EQ(reader.integer("ACTIVITY_B", "", 1, 0, 10), 7);
    EXPECT_EQ(reader.address("ACTIVITY_C", "", "x:1").host, "::1");
    EXPECT_EQ(reader.milliseconds("ACTIVITY_D_MS", "", milliseconds(5), milliseconds(0), milliseconds(9)),
              milliseconds(5));
    EXPECT_EQ(mistakes_of(reader), "");
}

TEST(Settings, ReportEveryMistakeTogetherWithTheNameToChange) {
    SettingsReader reader({{"ACTIVITY_A", "nonsense"}, {"ACTIVITY_B", "11"}, {"ACTIVITY_C", "blue"}});
    reader.address("ACTIVITY_A", "", "x:1");
    reader.integer("ACTIVITY_B", "", 1, 0, 10);
    reader.one_of("ACTIVITY_C", "", "red", {"red", "green"});
    reader.required("ACTIVITY_D", "the fourth");
    const std::string text = mistakes_of(reader);
    for (const char* name : {"ACTIVITY_A", "ACTIVITY_B", "ACTIVITY_C", "ACTIVITY_D"}) {
        EXPECT_NE(text.find(name), std::string::npos) << name;
    }
    EXPECT_NE(text.find("0 to 10"), std::string::npos);
}

TEST(Settings, NeverShowASecret) {
    SettingsReader reader(SettingsReader::Values{{"ACTIVITY_POSTGRES_URL", "postgresql://u:hunter2@h/d"}});
    reader.secret("ACTIVITY_POSTGRES_URL", "the database");
    reader.required("ACTIVITY_X", "");
    EXPECT_EQ(reader.help().find("hunter2"), std::string::npos);
    EXPECT_EQ(mistakes_of(reader).find("hunter2"), std::string::npos);
}

TEST(Settings, GivenTwiceAreAMistake) {
    const std::string file = testing::TempDir() + "settings_given_twice.toml";
    std::ofstream(file) << "ACTIVITY_A = \"file\"\nACTIVITY_B = 3\n";
    SettingsReader reader({{"ACTIVITY_CONFIG", file}, {"ACTIVITY_A", "environment"}});
    EXPECT_EQ(reader.integer("ACTIVITY_B", "", 1, 0, 10), 3);
    EXPECT_NE(mistakes_of(reader).find("ACTIVITY_A: given both"), std::string::npos);
}

TEST(Settings, HelpNamesEachWithItsDefault) {
    SettingsReader reader(SettingsReader::Values{});
    reader.integer("ACTIVITY_THREADS", "how many", 4, 1, 9);
    EXPECT_NE(reader.help().find("ACTIVITY_THREADS  4  how many"), std::string::npos) << reader.help();
}

}  // namespace
}  // namespace activity::service
