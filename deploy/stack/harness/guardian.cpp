#include "deploy/stack/harness/guardian.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cassert>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <set>
#include <stdexcept>
#include <thread>

namespace activity::harness {
namespace {

int pipe_to_guardian = -1;

void apply(const std::string& line, std::set<pid_t>& groups, std::set<std::string>& directories) {
    const std::string value = line.substr(1);
    switch (line[0]) {
        case '+': groups.insert(std::atoi(value.c_str())); break;
        case '-': groups.erase(std::atoi(value.c_str())); break;
        case '>': directories.insert(value); break;
        case '<': directories.erase(value); break;
        default: break;
    }
}

[[noreturn]] void guard(int pipe_from_test) {
    setsid();
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) std::signal(signal, SIG_IGN);
    // Holding the test's output open would make ctest wait for this process.
    const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nowhere, fd);

    std::set<pid_t> groups;
    std::set<std::string> directories;
    std::string pending;
    char buffer[4096];
    for (;;) {
        const ssize_t n = read(pipe_from_test, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        pending.append(buffer, static_cast<std::size_t>(n));
        for (std::size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1)) {
            if (end > 1) apply(pending.substr(0, end), groups, directories);
        }
    }
    // SIGQUIT first: PostgreSQL then frees its shared memory. A stopped process must be continued to die.
    for (const pid_t group : groups) {
        kill(-group, SIGQUIT);
        kill(-group, SIGCONT);
    }
    for (int i = 0; i < 20 && !groups.empty(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        std::erase_if(groups, [](pid_t group) { return kill(-group, 0) != 0; });
    }
    for (const pid_t group : groups) kill(-group, SIGKILL);
    for (const std::string& directory : directories) {
        std::error_code ignored;
        std::filesystem::remove_all(directory, ignored);
    }
    _exit(0);
}

void tell(char what, const std::string& value) {
    if (pipe_to_guardian < 0) throw std::logic_error("Guardian::start() comes first in main");
    const std::string line = what + value + "\n";
    // Shorter than PIPE_BUF: atomic, so any thread may.
    if (write(pipe_to_guardian, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
        throw std::runtime_error(std::string("the guardian is gone: ") + std::strerror(errno));
}

}  // namespace

void Guardian::start() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error("fork failed");
    if (child == 0) {
        close(ends[1]);
        // Twice, so that it belongs to init: who kills the test's tree does not find it.
        if (fork() == 0) guard(ends[0]);
        _exit(0);
    }
    close(ends[0]);
    waitpid(child, nullptr, 0);
    pipe_to_guardian = ends[1];
}

void Guardian::watch_group(pid_t group) {
    tell('+', std::to_string(group));
}
void Guardian::forget_group(pid_t group) {
    tell('-', std::to_string(group));
}
void Guardian::watch_directory(const std::filesystem::path& directory) {
    tell('>', directory.string());
}
void Guardian::forget_directory(const std::filesystem::path& directory) {
    tell('<', directory.string());
}

}  // namespace activity::harness
