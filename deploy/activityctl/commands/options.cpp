#include "deploy/activityctl/commands/commands.h"

#include <map>

namespace activity::ctl::commands {

void add_json(CLI::App& command, Context& context) {
    command.add_flag("--json", context.json, "JSON on stdout, for scripts");
}

void add_format(CLI::App& command, Context& context) {
    static const std::map<std::string, Format> formats{
        {"table", Format::table}, {"json", Format::json}, {"csv", Format::csv}};
    auto* format =
        command.add_option("--format", context.format, "table for people, json or csv for programs")
            ->transform(CLI::CheckedTransformer(formats).description("{table,json,csv}"))
            ->default_str("table");
    command
        .add_flag_callback(
            "--json", [&context] { context.format = Format::json; }, "The same as --format json")
        ->excludes(format);
}

void add_timeout(CLI::App& command, Context& context) {
    command.add_option("--timeout", context.timeout_s, "Seconds to wait for each answer of a server")
        ->capture_default_str()
        ->check(CLI::Range(0.1, 3600.0));
}

void add_exact(CLI::App& command, Context& context) {
    command.add_flag("--exact", context.exact, "Take topic names as they are, without ACTIVITY_TOPIC_PREFIX");
}

void on_run(CLI::App& command, Context& context, std::function<int()> action) {
    command.callback([&context, action = std::move(action)] { context.run = action; });
}

}  // namespace activity::ctl::commands
