#include <chrono>
#include <iostream>
#include <memory>

#include "deploy/activityctl/commands/commands.h"
#include "deploy/activityctl/migration_directory.h"

namespace activity::ctl::commands {
namespace {

struct Arguments {
    bool check = false;
    std::string directory;
    int wait_s = 600;
};

/// "activity" in ASCII, read as a number: one lock for all who migrate this database.
constexpr const char* advisory_lock = "7017839095053450617";

constexpr const char* create_history = R"(
CREATE SCHEMA activity_migration;
COMMENT ON SCHEMA activity_migration IS 'What activityctl migrate remembers; nothing else uses it.';
CREATE TABLE activity_migration.applied (
    number     integer     PRIMARY KEY,
    file       text        NOT NULL,
    sha256     text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE activity_migration.applied IS 'The migrations that this database has.';
COMMENT ON COLUMN activity_migration.applied.number IS 'The number that its file name begins with.';
COMMENT ON COLUMN activity_migration.applied.file IS 'Its file name.';
COMMENT ON COLUMN activity_migration.applied.sha256 IS 'SHA-256 of the file when it was applied, hexadecimal.';
COMMENT ON COLUMN activity_migration.applied.applied_at IS 'When it was applied.';
)";

bool has_history(Database& database) {
    return database.query("SELECT to_regclass('activity_migration.applied') IS NOT NULL").at(0).at(0) == "t";
}

std::vector<AppliedMigration> applied_migrations(Database& database) {
    std::vector<AppliedMigration> applied;
    if (!has_history(database)) return applied;
    for (const auto& row :
         database.query("SELECT number, file, sha256 FROM activity_migration.applied ORDER BY number")) {
        applied.push_back({std::stoi(row[0].value()), row[1].value(), row[2].value()});
    }
    return applied;
}

/// Holds until the session ends, so that of two at once the second waits and then finds nothing left to do.
void lock(Database& database, int wait_s) {
    const std::string key = advisory_lock;
    if (database.query("SELECT pg_try_advisory_lock(" + key + ")").at(0).at(0) == "t") return;
    std::cerr << "Another activityctl migrate is at work on this database; waiting for it.\n";
    database.query("SELECT set_config('lock_timeout', $1, false)", {std::to_string(wait_s) + "s"});
    try {
        database.query("SELECT pg_advisory_lock(" + key + ")");
    } catch (const DatabaseError& error) {
        if (error.sqlstate() != "55P03") throw;
        throw CommandError(
            "the other migration did not end within " + std::to_string(wait_s) +
            " s; look at pg_stat_activity (application_name activityctl), or wait longer by --wait");
    }
}

void apply(Database& database, const Migration& migration) {
    auto transaction = database.begin();
    try {
        // Not to queue up behind a long query, and have everybody else queue up behind us.
        transaction.query("SELECT set_config('lock_timeout', '10s', true)");
        const auto id = transaction.query("SELECT pg_current_xact_id()").at(0).at(0);
        transaction.run_script(migration.sql);
        transaction.run_script("RESET ROLE");  // it may have made its tables as their owner
        if (transaction.query("SELECT pg_current_xact_id()").at(0).at(0) != id) {
            throw CommandError(
                migration.file +
                " commits or rolls back by itself: take that out, a migration is one transaction. "
                "What it did before may be in the database");
        }
        transaction.query(
            "INSERT INTO activity_migration.applied (number, file, sha256) VALUES ($1::integer, $2, $3)",
            {std::to_string(migration.number), migration.file, migration.sha256});
        transaction.commit();
    } catch (const DatabaseError& error) {
        throw CommandError(
            migration.file + " was not applied, and nothing of it is in the database.\n" + error.what() +
            (error.sqlstate() == "55P03" ? "\nA table was in use for 10 s. Try again when it is quieter."
                                         : "") +
            (error.sqlstate() == "42501" ? "\nThe role in ACTIVITY_POSTGRES_URL must own what it changes."
                                         : ""));
    }
}

int check(Database& database, const std::vector<Migration>& migrations) {
    const auto pending = pending_migrations(migrations, applied_migrations(database));
    for (const auto& migration : pending) std::cout << "pending  " << migration.file << '\n';
    if (pending.empty()) {
        std::cout << "up to date: all " << migrations.size() << " migrations are applied\n";
        return exit_ok;
    }
    std::cerr << "Not up to date: activityctl migrate applies them.\n";
    return exit_failed;
}

int migrate(const Context& context, const Arguments& arguments) {
    const std::filesystem::path directory = arguments.directory.empty()
                                                ? context.settings().migrations
                                                : std::filesystem::path(arguments.directory);
    // Read before connecting: mistakes in the files need no database to be seen.
    const auto migrations = read_migrations(directory);
    auto database = context.database();
    if (arguments.check) return check(database, migrations);
    lock(database, arguments.wait_s);
    // Only now, under the lock: somebody may have applied them a moment ago.
    const auto pending = pending_migrations(migrations, applied_migrations(database));
    if (!has_history(database)) {
        auto transaction = database.begin();
        transaction.run_script(create_history);
        transaction.commit();
    }
    for (const auto& migration : pending) {
        const auto start = std::chrono::steady_clock::now();
        apply(database, migration);
        const auto took =
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
        std::cout << "applied  " << migration.file << "  (" << took.count() << " ms)" << std::endl;
    }
    std::cout << (pending.empty() ? "up to date: nothing to apply"
                                  : std::to_string(pending.size()) + " applied")
              << ", " << migrations.size() - pending.size() << " were there already\n";
    return exit_ok;
}

}  // namespace

void add_migrate(CLI::App& app, Context& context) {
    auto& command = *app.add_subcommand("migrate", "Bring the database's tables up to date");
    const auto arguments = std::make_shared<Arguments>();
    command.add_flag("--check", arguments->check, "Change nothing; exit code 1 if something is pending");
    command.add_option("--dir", arguments->directory,
                       "Directory of the NNNN_name.sql files (default: ACTIVITY_MIGRATIONS)");
    command.add_option("--wait", arguments->wait_s, "Seconds to wait for another migration that is at work")
        ->capture_default_str()
        ->check(CLI::Range(0, 86'400));
    add_timeout(command, context);
    command.footer(
        "Each file is one transaction, and is applied once. Two at a time are safe: the second waits.\n"
        "A file must not change once it has been applied.");
    on_run(command, context, [&context, arguments] { return migrate(context, *arguments); });
}

}  // namespace activity::ctl::commands
