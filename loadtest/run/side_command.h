#pragma once

#include <sys/types.h>

#include <string>

namespace activity::loadtest {

/// A shell's command that runs beside a phase, in a process group of its own.
class SideCommand {
  public:
    /// Throws std::system_error if it can't be started.
    explicit SideCommand(const std::string& command);
    /// SIGTERM, and waits: what it has taken apart it has to put together again.
    ~SideCommand();
    SideCommand(const SideCommand&) = delete;
    SideCommand& operator=(const SideCommand&) = delete;

  private:
    pid_t pid_ = -1;
};

}  // namespace activity::loadtest
