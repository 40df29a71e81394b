#include <simdjson.h>
#include <iostream>
#include <memory>

#include "deploy/activityctl/commands/commands.h"
#include "deploy/activityctl/output_file.h"
#include "deploy/activityctl/progress.h"
#include "deploy/activityctl/record_scan.h"
#include "deploy/activityctl/table.h"
#include "deploy/activityctl/terminal.h"
#include "deploy/activityctl/time_option.h"

namespace activity::ctl::commands {
namespace {

struct Arguments {
    std::string from;
    std::string to;
    std::string by = "occurred";
    std::string format = "ndjson";
    std::string output;
    bool overwrite = false;
};

/// As analytics.event has them.
std::vector<std::string> columns_of(Database::Transaction& transaction) {
    std::vector<std::string> columns;
    for (const auto& row :
         transaction.query("SELECT attname FROM pg_attribute WHERE attrelid = "
                           "'analytics.event'::regclass AND attnum > 0 AND NOT attisdropped "
                           "ORDER BY attnum")) {
        columns.push_back(row[0].value());
    }
    return columns;
}

/// The planner's guess: to count would read all of it first.
std::optional<std::int64_t> estimate(Database::Transaction& transaction, const std::string& query,
                                     const std::vector<Value>& parameters) {
    const auto plan = transaction.query("EXPLAIN (FORMAT JSON) " + query, parameters).at(0).at(0).value();
    simdjson::dom::parser parser;
    std::int64_t rows = 0;
    if (parser.parse(plan).at_pointer("/0/Plan/Plan Rows").get(rows) || rows <= 0) return std::nullopt;
    return rows;
}

int export_events(const Context& context, const Arguments& arguments) {
    const auto now = activity::now();
    const auto from = parse_time_option("--from", arguments.from, now);
    const auto to = parse_time_option("--to", arguments.to, now);
    if (from >= to) throw UsageError("--from must lie before --to");
    catch_interrupts();
    auto database = context.database();
    OutputFile out(arguments.output, arguments.overwrite);
    std::int64_t events = 0;
    try {
        auto transaction = database.begin();
        // One snapshot: what is stored while it runs is in the next export, if its time is.
        transaction.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
        transaction.query("SET LOCAL TimeZone = 'UTC'");
        const auto columns = columns_of(transaction);
        const bool csv = arguments.format == "csv";
        const std::string time = arguments.by == "received" ? "received_at" : "occurred_at";
        const auto query = std::string("SELECT ") + (csv ? "e.*" : "row_to_json(e)") +
                           " FROM analytics.event AS e WHERE " + time + " >= $1::timestamptz AND " + time +
                           " < $2::timestamptz";
        const std::vector<Value> parameters{format_timestamp(from), format_timestamp(to)};
        Progress progress("exporting", "events", estimate(transaction, query, parameters), true);
        std::string line;
        if (csv) {
            for (const auto& column : columns) {
                if (!line.empty()) line += ',';
                append_csv(line, column);
            }
            out.write(line + "\n");
        }
        transaction.stream(query, parameters, [&](const Row& row) {
            line.clear();
            for (std::size_t i = 0; i < row.size(); ++i) {
                if (i != 0) line += ',';
                if (!csv) {
                    line += row[i].value();
                } else if (row[i]) {
                    append_csv(line, *row[i]);
                }
            }
            line += '\n';
            out.write(line);
            ++events;
            progress.add(1);
            if (interrupted()) throw Interrupted("interrupted");
        });
        out.finish();
    } catch (const Interrupted&) {
        std::cerr << "Interrupted after " << counted(events, "event") << "; "
                  << (out.is_stdout()
                          ? "what was written is not all of them"
                          : "they are in " + out.partial() + ", and there is no " + arguments.output)
                  << ".\n";
        return exit_failed;
    } catch (const std::exception&) {
        if (!out.is_stdout())
            std::cerr << "The export did not end; " << counted(events, "event") << " are in " << out.partial()
                      << ".\n";
        throw;
    }
    std::cerr << counted(events, "event") << (out.is_stdout() ? "" : " written to " + arguments.output)
              << '\n';
    return exit_ok;
}

}  // namespace

void add_export(CLI::App& app, Context& context) {
    auto& command = *app.add_subcommand("export", "Write the events of a time as NDJSON or CSV");
    const auto arguments = std::make_shared<Arguments>();
    command
        .add_option("--from", arguments->from,
                    "The first moment: 2026-11-21T14:28:00Z, 2026-11-21, or 2h ago as 2h")
        ->required();
    command.add_option("--to", arguments->to, "The end, exclusive; now for everything up to now")->required();
    command
        .add_option("--by", arguments->by,
                    "Which time of an event: occurred, when the learner did it; received, when the front "
                    "door took it")
        ->capture_default_str()
        ->check(CLI::IsMember({"occurred", "received"}));
    command.add_option("--format", arguments->format, "A JSON object a line, or CSV with a line of names")
        ->capture_default_str()
        ->check(CLI::IsMember({"ndjson", "csv"}));
    command.add_option(
        "--output", arguments->output,
        "File to write, readable by you alone; <file>.partial until it is whole (default: stdout)");
    command.add_flag("--overwrite", arguments->overwrite, "Replace the file if it is there");
    add_timeout(command, context);
    command.footer(
        "The columns are those of analytics.event, in no order. An event may come late: what happened "
        "yesterday can grow\n"
        "for days. Whoever copies events regularly takes --by received, and ends some minutes ago: then "
        "nothing is twice\n"
        "and, once the workers have caught up (activityctl lag), nothing is missing.\n"
        "Examples:\n"
        "  activityctl export --from 2026-11-20 --to 2026-11-21 --format csv --output day.csv\n"
        "  activityctl export --from 2h --to now | jq -r .activity | sort | uniq -c");
    on_run(command, context, [&context, arguments] { return export_events(context, *arguments); });
}

}  // namespace activity::ctl::commands
