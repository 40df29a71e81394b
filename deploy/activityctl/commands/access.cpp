#include <iostream>
#include <memory>

#include "deploy/activityctl/commands/commands.h"
#include "deploy/activityctl/group_tables.h"
#include "deploy/activityctl/learner.h"
#include "deploy/activityctl/output_file.h"
#include "deploy/activityctl/progress.h"
#include "deploy/activityctl/record_scan.h"
#include "deploy/activityctl/terminal.h"
#include "schemas/activity/json.h"

namespace activity::ctl::commands {
namespace {

struct Arguments {
    Learner learner;
    std::string output;
    bool overwrite = false;
};

/// Writes lines, a row of a table each.
class Lines {
  public:
    explicit Lines(OutputFile& out) : out_(out) {}

    void add(const std::string& table, const std::string& row) {
        line_ = "{\"table\":";
        json::append_string(line_, table);
        line_ += ",\"row\":" + row + "}\n";
        out_.write(line_);
        progress_.add(1);
        if (interrupted()) throw Interrupted("interrupted");
    }
    std::int64_t count() const { return progress_.done(); }

  private:
    OutputFile& out_;
    Progress progress_{"collecting", "rows"};
    std::string line_;
};

int access(const Context& context, const Arguments& arguments) {
    catch_interrupts();
    auto database = context.database();
    const auto partitions = event_partitions(database);
    OutputFile out(arguments.output, arguments.overwrite);
    try {
        Lines lines(out);
        // One snapshot: what is exported was true at one moment.
        auto transaction = database.begin();
        transaction.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
        const auto keys = key_array(arguments.learner);
        const auto export_table = [&](const std::string& table, const std::string& column) {
            transaction.stream(
                "SELECT row_to_json(t) FROM " + table + " AS t WHERE " + column + " = ANY ($1::uuid[])",
                {keys}, [&](const Row& row) { lines.add(table, row[0].value()); });
        };
        export_table("activity.erased", "learner_key");
        for (const auto& table : group_tables(transaction, std::nullopt)) {
            if (!table.learner_column.empty()) export_table(table.table, table.learner_column);
        }
        for (const auto& partition : partitions) {
            transaction.stream("SELECT row_to_json(t) FROM " + partition + " AS t WHERE " + event_of_learner +
                                   " ORDER BY occurred_at",
                               event_parameters(arguments.learner),
                               [&](const Row& row) { lines.add("activity.event", row[0].value()); });
        }
        out.finish();
        std::cerr << counted(lines.count(), "row") << " about " << arguments.learner.text()
                  << (out.is_stdout() ? "" : " written to " + arguments.output) << '\n';
    } catch (const Interrupted&) {
        std::cerr << "Interrupted: what was written is not all there is"
                  << (out.is_stdout() ? "" : "; it is in " + out.partial()) << ".\n";
        return exit_failed;
    }
    return exit_ok;
}

}  // namespace

void add_access(CLI::App& app, Context& context) {
    auto& command = *app.add_subcommand("access", "Export everything that is stored about a learner");
    const auto arguments = std::make_shared<Arguments>();
    add_learner(command, arguments->learner);
    command.add_option("--output", arguments->output,
                       "File to write, readable by you alone (default: stdout)");
    command.add_flag("--overwrite", arguments->overwrite, "Replace the file if it is there");
    add_timeout(command, context);
    command.footer(
        "A line a row: {\"table\":\"activity.session\",\"row\":{…}}. Events, and every table in which a "
        "worker group has\n"
        "registered a learner's column. Kafka and backups hold copies until their retention ends.\n"
        "Examples:\n"
        "  activityctl access --source web --user u1 --output u1.ndjson\n"
        "  activityctl access --source web --user u1 | jq -r .table | sort | uniq -c");
    on_run(command, context, [&context, arguments] { return access(context, *arguments); });
}

}  // namespace activity::ctl::commands
