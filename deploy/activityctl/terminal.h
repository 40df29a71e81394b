#pragma once

#include <string>

namespace activity::ctl {

bool stdin_is_terminal();

/// Asks on the terminal; true if the answer is `y` or the name itself. Throws UsageError where nobody can
/// answer.
bool confirmed(const std::string& question, const std::string& name);

/// From here on SIGINT and SIGTERM only set a flag, and a reader that went away (`| head`) is an error of
/// write(). For the commands that run until they are told to stop. A second signal ends the process at once.
void catch_interrupts();
bool interrupted();

/// Whether whoever read stdout through a pipe has gone: to notice it without writing.
bool reader_has_gone();

}  // namespace activity::ctl
