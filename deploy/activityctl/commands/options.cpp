#include "deploy/activityctl/commands/commands.h"

namespace activity::ctl::commands {

void add_json(CLI::App& command, Context& context) {
    command.add_flag("--json", context.json, "JSON on stdout, for scripts");
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
