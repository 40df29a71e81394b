#pragma once

#include <sys/types.h>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace activity::harness {

using Environment = std::map<std::string, std::string>;

/// How a process ended.
struct Exit {
    int code = -1;   ///< its exit code; -1 if a signal ended it
    int signal = 0;  ///< the signal that ended it, or 0
    bool operator==(const Exit&) const = default;
};

/// A child process with its own process group and its output in a file. Owned: when the value dies, so does
/// the group. Not thread-safe, but signal() may come from any thread while nobody waits for it.
class Process {
  public:
    struct Command {
        std::vector<std::string> arguments;  ///< the first is the program's path
        Environment environment;             ///< on top of this process's own
        std::filesystem::path log;           ///< stdout and stderr, appended
    };

    explicit Process(const Command& command);
    ~Process();
    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;

    pid_t pid() const { return pid_; }
    bool running();
    /// Sends to this process alone, so that a script's children are the script's business.
    void signal(int number) const;
    /// Waits for its end. Nothing if it still runs after that time.
    std::optional<Exit> wait(std::chrono::milliseconds timeout);
    /// The signal, then the end. Throws WaitedInVain if it does not end in time (and ends it by force).
    Exit stop(int number, std::chrono::milliseconds timeout);
    /// kill -9, and waits until it is gone.
    void kill();

    std::string output() const;
    std::size_t resident_bytes() const;
    /// User and system time so far.
    std::chrono::milliseconds cpu_time() const;
    std::size_t open_descriptors() const;

    const std::filesystem::path& log() const { return log_; }

  private:
    void forget();

    pid_t pid_ = -1;
    std::optional<Exit> exit_;
    std::filesystem::path log_;
};

/// Runs a command to its end. Throws std::runtime_error with its output unless it exits with 0.
/// Returns what it wrote.
std::string run(const Process::Command& command,
                std::chrono::milliseconds timeout = std::chrono::seconds(120));

}  // namespace activity::harness
