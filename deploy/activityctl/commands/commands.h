#pragma once

#include <CLI/CLI.hpp>

#include "deploy/activityctl/context.h"

/// The commands, one a file. Each declares its options and puts what it does into Context::run when it is
/// chosen.
namespace activity::ctl::commands {

void add_migrate(CLI::App& app, Context& context);
void add_partitions(CLI::App& app, Context& context);
void add_topics(CLI::App& app, Context& context);
void add_produce(CLI::App& app, Context& context);
void add_consume(CLI::App& app, Context& context);
void add_lag(CLI::App& app, Context& context);
void add_dlq(CLI::App& app, Context& context);
void add_gaps(CLI::App& app, Context& context);
void add_replay(CLI::App& app, Context& context);
void add_erase(CLI::App& app, Context& context);
void add_access(CLI::App& app, Context& context);
void add_report(CLI::App& app, Context& context);
void add_export(CLI::App& app, Context& context);
void add_sources(CLI::App& app, Context& context);

// Options that several commands share, under one name and with one meaning.
void add_json(CLI::App& command, Context& context);
void add_format(CLI::App& command, Context& context);
void add_timeout(CLI::App& command, Context& context);
void add_exact(CLI::App& command, Context& context);

/// What a command does when it is chosen.
void on_run(CLI::App& command, Context& context, std::function<int()> action);

}  // namespace activity::ctl::commands
