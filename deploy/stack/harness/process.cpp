#include "deploy/stack/harness/process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "deploy/stack/harness/directory.h"
#include "deploy/stack/harness/guardian.h"
#include "deploy/stack/harness/wait.h"

extern char** environ;

namespace activity::harness {
namespace {

/// The project's settings in the developer's shell must not decide what a test finds, but for where downloads
/// are.
bool is_inherited(const std::string& name) {
    return !name.starts_with("ACTIVITY_") || name == "ACTIVITY_CACHE_DIR" || name == "ACTIVITY_LOCAL_DIR";
}

std::vector<std::string> merged_environment(const Environment& own) {
    std::vector<std::string> result;
    for (const auto& [name, value] : own) result.push_back(name + "=" + value);
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry;
        const std::string name = text.substr(0, text.find('='));
        if (!own.contains(name) && is_inherited(name)) result.push_back(text);
    }
    return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

Exit exit_of(int status) {
    if (WIFEXITED(status)) return {WEXITSTATUS(status), 0};
    return {-1, WTERMSIG(status)};
}

}  // namespace

Process::Process(const Command& command) : log_(command.log) {
    std::vector<std::string> arguments = command.arguments;
    std::vector<std::string> environment = merged_environment(command.environment);
    const std::vector<char*> argv = pointers(arguments);
    const std::vector<char*> envp = pointers(environment);
    const int log = open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const int nowhere = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log < 0 || nowhere < 0) throw std::runtime_error("cannot open " + log_.string());

    pid_ = fork();
    if (pid_ == 0) {
        // Only calls that are safe after a fork of a process with threads.
        setpgid(0, 0);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, nullptr);
        ::signal(SIGPIPE, SIG_DFL);
        dup2(nowhere, STDIN_FILENO);
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        execve(argv[0], argv.data(), envp.data());
        constexpr char complaint[] = "cannot execute\n";
        (void)!write(STDERR_FILENO, complaint, sizeof complaint - 1);
        _exit(127);
    }
    close(log);
    close(nowhere);
    if (pid_ < 0) throw std::runtime_error("fork failed");
    setpgid(pid_, pid_);  // in both, so that it holds whoever comes first
    Guardian::watch_group(pid_);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exit_(other.exit_), log_(std::move(other.log_)) {}

Process& Process::operator=(Process&& other) noexcept {
    if (this != &other) {
        forget();
        pid_ = std::exchange(other.pid_, -1);
        exit_ = other.exit_;
        log_ = std::move(other.log_);
    }
    return *this;
}

Process::~Process() {
    forget();
}

void Process::forget() {
    if (pid_ < 0) return;
    // The whole group: what a script left running goes with it.
    ::kill(-pid_, SIGKILL);
    if (!exit_) {
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
    }
    Guardian::forget_group(pid_);
    pid_ = -1;
}

bool Process::running() {
    return !wait(std::chrono::milliseconds(0)).has_value();
}

void Process::signal(int number) const {
    if (pid_ > 0 && !exit_) ::kill(pid_, number);
}

std::optional<Exit> Process::wait(std::chrono::milliseconds timeout) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    while (!exit_) {
        int status = 0;
        if (waitpid(pid_, &status, WNOHANG) == pid_) {
            exit_ = exit_of(status);
        } else if (std::chrono::steady_clock::now() >= end) {
            return std::nullopt;
        } else {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
    return exit_;
}

Exit Process::stop(int number, std::chrono::milliseconds timeout) {
    signal(number);
    if (const auto end = wait(timeout)) return *end;
    const std::string complaint = "process " + std::to_string(pid_) + " did not end in " +
                                  std::to_string(timeout.count()) + " ms after signal " +
                                  std::to_string(number);
    kill();
    throw WaitedInVain(complaint + "; its log ends:\n" + output());
}

void Process::kill() {
    signal(SIGKILL);
    wait(patience);
}

std::string Process::output() const {
    return read_file(log_);
}

std::size_t Process::resident_bytes() const {
    std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
    std::size_t total = 0, resident = 0;
    statm >> total >> resident;
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::chrono::milliseconds Process::cpu_time() const {
    std::string text = read_file("/proc/" + std::to_string(pid_) + "/stat");
    // The second field may hold blanks; it ends with the last bracket. Then the 12th and 13th are the times.
    text.erase(0, text.rfind(')') + 1);
    std::istringstream fields(text);
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    long user = 0, system = 0;
    fields >> user >> system;
    return std::chrono::milliseconds((user + system) * 1'000 / sysconf(_SC_CLK_TCK));
}

std::size_t Process::open_descriptors() const {
    std::error_code error;
    const std::filesystem::directory_iterator entries("/proc/" + std::to_string(pid_) + "/fd", error);
    return error ? 0 : static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

std::string run(const Process::Command& command, std::chrono::milliseconds timeout) {
    std::filesystem::remove(command.log);
    Process process(command);
    const auto end = process.wait(timeout);
    if (end != Exit{0, 0}) {
        std::string text;
        for (const std::string& argument : command.arguments) text += argument + " ";
        throw std::runtime_error(
            text + (end ? "failed with exit code " + std::to_string(end->code) : "did not end") + ":\n" +
            process.output());
    }
    return process.output();
}

}  // namespace activity::harness
