#include <iostream>
#include <memory>

#include "deploy/activityctl/commands/commands.h"
#include "deploy/activityctl/table.h"
#include "deploy/activityctl/terminal.h"

namespace activity::ctl::commands {
namespace {

struct Arguments {
    int days_ahead = 0;
    int days_back = 0;
    int older_than_days = 0;
    bool yes = false;
};

std::int64_t whole(const Value& value) {
    return std::stoll(value.value());
}

std::vector<Row> list_partitions(Database& database) {
    return database.query(R"(
        SELECT p.relname,
               pg_get_expr(p.relpartbound, p.oid),
               CASE WHEN p.reltuples < 0 THEN NULL ELSE p.reltuples::bigint END,
               pg_total_relation_size(p.oid),
               pg_size_pretty(pg_total_relation_size(p.oid))
        FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid
        WHERE i.inhparent = 'activity.event'::regclass
        ORDER BY p.relname)");
}

int list(const Context& context) {
    auto database = context.database();
    // The bounds say nothing to people that the names don't.
    auto columns = context.json ? std::vector<std::string>{"partition", "rows_estimate", "bytes", "bound"}
                                : std::vector<std::string>{"partition", "rows_estimate", "size"};
    Table table(std::move(columns));
    for (const auto& row : list_partitions(database)) {
        const Cell rows = row[2] ? Cell(whole(row[2])) : Cell();
        if (context.json) {
            table.add({row[0].value(), rows, whole(row[3]), row[1].value()});
        } else {
            table.add({row[0].value(), rows, row[4].value()});
        }
    }
    if (context.json) {
        std::cout << table.json() << '\n';
    } else {
        table.print(std::cout);
        std::cout << "\nRows are the estimate of the last ANALYZE; '-' where there was none yet.\n";
    }
    return exit_ok;
}

/// A session that gives up on a table in use, before everybody else queues up behind it.
Database impatient_database(const Context& context) {
    auto database = context.database();
    database.query("SELECT set_config('lock_timeout', '10s', false)");
    return database;
}

std::vector<Row> run(Database& database, const std::string& sql, const std::string& parameter) {
    try {
        return database.query(sql, {parameter});
    } catch (const DatabaseError& error) {
        if (error.sqlstate() == "55P03") {
            throw CommandError("activity.event was in use for 10 s by others; try again when it is quieter");
        }
        if (error.sqlstate() == "3F000" || error.sqlstate() == "42883") {
            throw CommandError("this database has no tables for events yet: activityctl migrate");
        }
        throw;
    }
}

int create(const Context& context, const Arguments& arguments) {
    auto database = impatient_database(context);
    std::int64_t created = 0;
    // One statement a day, so that locks are held for one partition at a time. UTC, as in message keys.
    for (int day = -arguments.days_back; day <= arguments.days_ahead; ++day) {
        const auto made =
            run(database, "SELECT activity.create_partition((now() AT TIME ZONE 'UTC')::date + $1::integer)",
                std::to_string(day));
        if (made.at(0).at(0) == "t") ++created;
    }
    std::cout << created << " created, " << arguments.days_back + arguments.days_ahead + 1 - created
              << " were there already\n";
    return exit_ok;
}

/// What drops the partitions of days before one, and what that means.
struct Dropping {
    const char* warning;   ///< follows the question which day
    const char* function;  ///< of the database, taking the day
};

constexpr Dropping events{"All events of the days before {} (UTC) will be gone for good.",
                          "SELECT activity.drop_partitions_before($1::date)"};
constexpr Dropping seen{
    "The groups will forget which messages of the days before {} (UTC) they have applied: if one comes "
    "again, it "
    "becomes a dead letter.",
    "SELECT activity.drop_seen_before($1::date)"};

int drop(const Context& context, const Arguments& arguments, const Dropping& what) {
    auto database = impatient_database(context);
    const auto day = run(database, "SELECT (now() AT TIME ZONE 'UTC')::date - $1::integer",
                         std::to_string(arguments.older_than_days))
                         .at(0)
                         .at(0)
                         .value();
    std::string warning = what.warning;
    warning.replace(warning.find("{}"), 2, day);
    if (!arguments.yes && !confirmed(warning, day)) {
        std::cerr << "Nothing was dropped.\n";
        return exit_failed;
    }
    const auto dropped = run(database, what.function, day).at(0).at(0).value();
    std::cout << dropped << " dropped (days before " << day << ")\n";
    return exit_ok;
}

}  // namespace

void add_partitions(CLI::App& app, Context& context) {
    auto& group = *app.add_subcommand(
        "partitions", "The database's partitions, one a day: create ahead, drop or forget by age, list");
    group.require_subcommand(1);
    const auto arguments = std::make_shared<Arguments>();

    auto& creating = *group.add_subcommand("create", "Create the partitions of today and the days to come");
    creating.add_option("--days-ahead", arguments->days_ahead, "Days after today (UTC)")
        ->required()
        ->check(CLI::Range(0, 3'650));
    creating.add_option("--days-back", arguments->days_back, "Days before today, for late events")
        ->check(CLI::Range(0, 3'650));
    add_timeout(creating, context);
    on_run(creating, context, [&context, arguments] { return create(context, *arguments); });

    auto& dropping = *group.add_subcommand("drop", "Drop the partitions of old days with all their events");
    dropping
        .add_option("--older-than-days", arguments->older_than_days, "Keep the last N days and today (UTC)")
        ->required()
        ->check(CLI::Range(1, 36'500));
    dropping.add_flag("--yes", arguments->yes, "Do not ask");
    add_timeout(dropping, context);
    on_run(dropping, context, [&context, arguments] { return drop(context, *arguments, events); });

    auto& forgetting = *group.add_subcommand(
        "forget",
        "Let the groups forget which messages of old days they have seen: the window of dedupe ends there");
    forgetting
        .add_option("--older-than-days", arguments->older_than_days,
                    "Remember the last N days and today (UTC); longer than Kafka keeps its records")
        ->required()
        ->check(CLI::Range(1, 36'500));
    forgetting.add_flag("--yes", arguments->yes, "Do not ask");
    add_timeout(forgetting, context);
    on_run(forgetting, context, [&context, arguments] { return drop(context, *arguments, seen); });

    auto& listing = *group.add_subcommand("list", "List the partitions with their size");
    add_json(listing, context);
    add_timeout(listing, context);
    on_run(listing, context, [&context] { return list(context); });
}

}  // namespace activity::ctl::commands
