#include "deploy/activityctl/output_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fstream>
#include <sstream>

#include "deploy/activityctl/context.h"

namespace activity::ctl {
namespace {

class OutputFileTest : public testing::Test {
  protected:
    OutputFileTest() { std::filesystem::create_directory(directory_); }
    ~OutputFileTest() override { std::filesystem::remove_all(directory_); }

    std::string read(const std::string& name) const {
        std::ifstream in(name);
        std::ostringstream out;
        out << in.rdbuf();
        return out.str();
    }

    const std::filesystem::path directory_ =
        std::filesystem::temp_directory_path() / ("output-file-test-" + std::to_string(getpid()));
    const std::string name_ = directory_ / "events.csv";
};

TEST_F(OutputFileTest, HasItsNameOnlyOnceItIsWhole) {
    OutputFile file(name_, false);
    file.write("a\n");
    EXPECT_FALSE(std::filesystem::exists(name_));
    EXPECT_TRUE(std::filesystem::exists(name_ + ".partial"));
    file.finish();
    EXPECT_EQ(read(name_), "a\n");
    EXPECT_FALSE(std::filesystem::exists(name_ + ".partial"));
    struct stat status {};
    ASSERT_EQ(::stat(name_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(OutputFileTest, ReplacesNothingUnlessItMay) {
    std::ofstream(name_) << "old";
    EXPECT_THROW(OutputFile(name_, false), CommandError);
    OutputFile file(name_, true);
    EXPECT_EQ(read(name_), "old");
    file.write("new");
    file.finish();
    EXPECT_EQ(read(name_), "new");
}

TEST_F(OutputFileTest, SaysWhereItCannotWrite) {
    try {
        OutputFile((directory_ / "missing" / "x").string(), false);
        FAIL();
    } catch (const CommandError& error) {
        EXPECT_NE(std::string(error.what()).find("missing/x.partial"), std::string::npos);
    }
}

}  // namespace
}  // namespace activity::ctl
