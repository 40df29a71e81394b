#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace activity::loadtest {

/// What a process and its children use: since the last look, and now.
struct ProcessUse {
    std::string name;
    double cores = 0;
    std::uint64_t memory_bytes = 0;  ///< proportional set size: what several share is divided among them
};

/// Watches the processes that `<name>.pid` files of a directory name (deploy/stack writes them). The files
/// are read anew at each look, so a process that was started again is found. One thread.
class Processes {
  public:
    explicit Processes(std::filesystem::path directory);
    /// By name. A process has its `cores` from the second look on.
    std::vector<ProcessUse> look();

  private:
    using Clock = std::chrono::steady_clock;
    struct Seen {
        int pid;
        double cpu_s;
        Clock::time_point at;
    };

    std::filesystem::path directory_;
    std::map<std::string, Seen> seen_;
};

}  // namespace activity::loadtest
