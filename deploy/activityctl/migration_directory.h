#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace activity::ctl {

/// A step of the database's history: NNNN_name.sql.
struct Migration {
    int number = 0;
    std::string file;    ///< file name, `0001_events.sql`
    std::string sql;     ///< its content
    std::string sha256;  ///< of the content, hexadecimal
};

/// Something is wrong with the files; names the file and what to do.
class MigrationError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Reads the migrations of a directory, in order. Numbers must run from 1 without gap or repeat, because the
/// order of files that branches add is only safe when a clash is seen. Files that do not end in `.sql` are
/// not looked at.
std::vector<Migration> read_migrations(const std::filesystem::path& directory);

std::string sha256_hex(const std::string& content);

/// A migration that the database has.
struct AppliedMigration {
    int number = 0;
    std::string file;
    std::string sha256;
};

/// The migrations that the database still lacks, in order. Throws MigrationError if what it has is not the
/// beginning of what the directory holds: a file was changed or removed after it had been applied.
std::vector<Migration> pending_migrations(const std::vector<Migration>& directory,
                                          const std::vector<AppliedMigration>& applied);

}  // namespace activity::ctl
