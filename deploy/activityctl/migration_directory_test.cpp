#include "deploy/activityctl/migration_directory.h"

#include <gmock/gmock.h>
#include <unistd.h>
#include <filesystem>
#include <fstream>

namespace activity::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::ThrowsMessage;

class MigrationDirectory : public testing::Test {
  protected:
    MigrationDirectory() {
        std::string name = (std::filesystem::temp_directory_path() / "migrations-XXXXXX").string();
        directory_ = mkdtemp(name.data());
    }
    ~MigrationDirectory() override { std::filesystem::remove_all(directory_); }

    void write(const std::string& file, const std::string& content) {
        std::ofstream(directory_ / file) << content;
    }
    std::vector<Migration> read() const { return read_migrations(directory_); }
    void expect_refused(const std::string& why) const {
        EXPECT_THAT([&] { read(); }, ThrowsMessage<MigrationError>(HasSubstr(why)));
    }

    std::filesystem::path directory_;
};

std::vector<AppliedMigration> all_of(const std::vector<Migration>& migrations) {
    std::vector<AppliedMigration> applied;
    for (const auto& migration : migrations)
        applied.push_back({migration.number, migration.file, migration.sha256});
    return applied;
}

TEST_F(MigrationDirectory, IsReadInTheOrderOfNumbers) {
    write("0002_b.sql", "two");
    write("0001_z.sql", "abc");
    write("0003_a.sql", "three");
    write("README.md", "not a migration");
    const auto migrations = read();
    ASSERT_THAT(migrations, SizeIs(3));
    EXPECT_EQ(migrations[0].file, "0001_z.sql");
    EXPECT_EQ(migrations[0].sql, "abc");
    // FIPS 180-2, appendix B.1.
    EXPECT_EQ(migrations[0].sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(migrations[1].number, 2);
    EXPECT_EQ(migrations[2].number, 3);
}

TEST_F(MigrationDirectory, RefusesAGap) {
    write("0001_a.sql", "");
    write("0003_c.sql", "");
    expect_refused("there must be a migration 0002 before it");
}

TEST_F(MigrationDirectory, RefusesANumberTwice) {
    write("0001_a.sql", "");
    write("0001_b.sql", "");
    expect_refused("0001_b.sql has the same number as 0001_a.sql");
}

TEST_F(MigrationDirectory, RefusesAFirstNumberOtherThanOne) {
    write("0000_a.sql", "");
    expect_refused("0001");
}

TEST_F(MigrationDirectory, RefusesNamesThatItCannotOrder) {
    write("1_a.sql", "");
    expect_refused("NNNN_name.sql");
}

TEST_F(MigrationDirectory, SaysWhereToLookWhenThereIsNothing) {
    expect_refused("ACTIVITY_MIGRATIONS");
    directory_ /= "missing";
    expect_refused("ACTIVITY_MIGRATIONS");
}

TEST_F(MigrationDirectory, PendingIsWhatTheDatabaseLacks) {
    write("0001_a.sql", "a");
    write("0002_b.sql", "b");
    const auto migrations = read();
    EXPECT_THAT(pending_migrations(migrations, {}), SizeIs(2));
    EXPECT_THAT(pending_migrations(migrations, all_of(migrations)), IsEmpty());
    const auto pending = pending_migrations(migrations, {all_of(migrations)[0]});
    ASSERT_THAT(pending, SizeIs(1));
    EXPECT_EQ(pending[0].file, "0002_b.sql");
}

TEST_F(MigrationDirectory, AChangedFileIsRefused) {
    write("0001_a.sql", "a");
    const auto applied = all_of(read());
    write("0001_a.sql", "a, and more");
    EXPECT_THAT([&] { pending_migrations(read(), applied); },
                ThrowsMessage<MigrationError>(HasSubstr("0001_a.sql was changed")));
}

TEST_F(MigrationDirectory, ADatabaseFromTheFutureIsRefused) {
    write("0001_a.sql", "a");
    auto applied = all_of(read());
    applied.push_back({2, "0002_b.sql", "…"});
    EXPECT_THAT([&] { pending_migrations(read(), applied); },
                ThrowsMessage<MigrationError>(HasSubstr("0002_b.sql")));
}

TEST_F(MigrationDirectory, AHoleInTheDatabasesHistoryIsRefused) {
    write("0001_a.sql", "a");
    write("0002_b.sql", "b");
    const auto migrations = read();
    EXPECT_THAT([&] { pending_migrations(migrations, {all_of(migrations)[1]}); },
                ThrowsMessage<MigrationError>(HasSubstr("0001_a.sql")));
}

}  // namespace
}  // namespace activity::ctl
