#include "deploy/activityctl/migration_directory.h"

#include <openssl/evp.h>
#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <optional>

namespace activity::ctl {
namespace {

/// The number before the first `_` of `0001_events.sql`.
std::optional<int> number_of(const std::string& file) {
    const bool four_digits =
        file.size() > 9 && file[4] == '_' &&
        std::all_of(file.begin(), file.begin() + 4, [](char c) { return c >= '0' && c <= '9'; });
    return four_digits ? std::optional(std::stoi(file.substr(0, 4))) : std::nullopt;
}

std::string content_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::string content{std::istreambuf_iterator<char>(in), {}};
    if (!in.good() && !in.eof()) throw MigrationError(file.string() + " can't be read");
    return content;
}

std::string four_digits(int number) {
    const auto digits = std::to_string(number);
    return std::string(4 - std::min<std::size_t>(4, digits.size()), '0') + digits;
}

}  // namespace

std::string sha256_hex(const std::string& content) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned int size = 0;
    if (EVP_Digest(content.data(), content.size(), hash.data(), &size, EVP_sha256(), nullptr) != 1) {
        throw MigrationError("SHA-256 is not available from OpenSSL");
    }
    std::string text;
    for (unsigned int i = 0; i < size; ++i) {
        text += digits[hash[i] >> 4U];
        text += digits[hash[i] & 0xfU];
    }
    return text;
}

std::vector<Migration> read_migrations(const std::filesystem::path& directory) {
    std::error_code error;
    std::vector<std::filesystem::path> files;
    for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
        if (entry->path().extension() == ".sql") files.push_back(entry->path());
    }
    if (error) {
        throw MigrationError("the directory of migrations " + directory.string() + " can't be read: " +
                             error.message() + "\nName it by --dir or ACTIVITY_MIGRATIONS.");
    }
    if (files.empty()) {
        throw MigrationError("there are no migrations (NNNN_name.sql) in " + directory.string() +
                             "\nName their directory by --dir or ACTIVITY_MIGRATIONS.");
    }
    std::ranges::sort(files);
    std::vector<Migration> migrations;
    for (const auto& path : files) {
        const auto file = path.filename().string();
        const auto number = number_of(file);
        if (!number)
            throw MigrationError(path.string() +
                                 ": a migration's name must be NNNN_name.sql, as 0001_events.sql");
        const int expected = static_cast<int>(migrations.size()) + 1;
        if (!migrations.empty() && migrations.back().number == *number) {
            throw MigrationError(file + " has the same number as " + migrations.back().file +
                                 "; renumber the newer one to " + four_digits(*number + 1));
        }
        if (*number != expected) {
            throw MigrationError(file + " follows " +
                                 (migrations.empty() ? "nothing" : migrations.back().file) +
                                 ": there must be a migration " + four_digits(expected) + " before it");
        }
        auto sql = content_of(path);
        auto hash = sha256_hex(sql);
        migrations.push_back({*number, file, std::move(sql), std::move(hash)});
    }
    return migrations;
}

std::vector<Migration> pending_migrations(const std::vector<Migration>& directory,
                                          const std::vector<AppliedMigration>& applied) {
    for (const auto& done : applied) {
        const auto known = std::ranges::find(directory, done.number, &Migration::number);
        if (known == directory.end()) {
            throw MigrationError("the database has " + done.file +
                                 ", which is not among these migrations: it is newer than this "
                                 "program, or --dir names the wrong directory");
        }
        if (known->sha256 != done.sha256) {
            throw MigrationError(known->file + " was changed after it had been applied (then SHA-256 " +
                                 done.sha256.substr(0, 12) + "…, now " + known->sha256.substr(0, 12) +
                                 "…): restore the file, and put the change into a new migration");
        }
    }
    std::vector<Migration> pending;
    for (const auto& migration : directory) {
        if (!std::ranges::count(applied, migration.number, &AppliedMigration::number))
            pending.push_back(migration);
    }
    // With the rule of no gaps in the directory, a gap in the database means that somebody removed a row.
    if (!pending.empty() && static_cast<std::size_t>(pending.front().number) <= applied.size()) {
        throw MigrationError("the database has later migrations than " + pending.front().file +
                             " but not that one: look at " + "activity_migration.applied");
    }
    return pending;
}

}  // namespace activity::ctl
