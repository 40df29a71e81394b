#pragma once

#include <CLI/CLI.hpp>

/// The subcommands of activity-loadtest. Each sets `code` to the exit code when it runs; wrong values throw
/// std::invalid_argument.
namespace activity::loadtest::commands {

void add_run(CLI::App& app, int& code);
void add_verify(CLI::App& app, int& code);
void add_report(CLI::App& app, int& code);
void add_compare(CLI::App& app, int& code);

}  // namespace activity::loadtest::commands
