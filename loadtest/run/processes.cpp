#include "loadtest/run/processes.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace activity::loadtest {
namespace {

std::string proc(int pid, const char* file) {
    return "/proc/" + std::to_string(pid) + "/" + file;
}

/// The process and all below it, as PostgreSQL's are.
std::vector<int> tree(int pid) {
    std::vector<int> all{pid};
    for (std::size_t i = 0; i < all.size(); ++i) {
        std::error_code gone;
        for (const auto& task : std::filesystem::directory_iterator(proc(all[i], "task"), gone)) {
            std::ifstream children(task.path() / "children");
            for (int child = 0; children >> child;) all.push_back(child);
        }
    }
    return all;
}

/// User and system time; of the first also that of children that have ended. proc(5), /proc/pid/stat.
double cpu_s(int pid, bool with_ended) {
    std::ifstream file(proc(pid, "stat"));
    std::string text((std::istreambuf_iterator<char>(file)), {});
    // The name, in parentheses, may hold anything; the state is the field behind it, number 3.
    const auto end_of_name = text.rfind(')');
    if (end_of_name == std::string::npos) return 0;
    std::istringstream fields(text.substr(end_of_name + 1));
    std::string field;
    double ticks = 0;
    for (int number = 3; number <= 17 && fields >> field; ++number)
        if (number == 14 || number == 15 || (with_ended && number >= 16)) ticks += std::stod(field);
    return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::uint64_t memory_bytes(int pid) {
    std::ifstream file(proc(pid, "smaps_rollup"));
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("Pss:")) return std::stoull(line.substr(4)) * 1'024;
    }
    return 0;
}

}  // namespace

Processes::Processes(std::filesystem::path directory) : directory_(std::move(directory)) {}

std::vector<ProcessUse> Processes::look() {
    std::vector<ProcessUse> uses;
    std::error_code unreadable;
    for (const auto& entry : std::filesystem::directory_iterator(directory_, unreadable)) {
        if (entry.path().extension() != ".pid") continue;
        int pid = 0;
        if (!(std::ifstream(entry.path()) >> pid) || !std::filesystem::exists(proc(pid, "stat"))) continue;
        ProcessUse use;
        use.name = entry.path().stem();
        double total_s = 0;
        for (const int one : tree(pid)) {
            total_s += cpu_s(one, one == pid);
            use.memory_bytes += memory_bytes(one);
        }
        const auto now = Clock::now();
        const auto before = seen_.find(use.name);
        if (before != seen_.end() && before->second.pid == pid) {
            const std::chrono::duration<double> passed = now - before->second.at;
            // A child that ended takes its time to its parent a moment later.
            use.cores = std::max(0.0, (total_s - before->second.cpu_s) / passed.count());
        }
        seen_[use.name] = {pid, total_s, now};
        uses.push_back(std::move(use));
    }
    std::sort(uses.begin(), uses.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return uses;
}

}  // namespace activity::loadtest
