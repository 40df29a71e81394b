#include "deploy/activityctl/terminal.h"

#include <poll.h>
#include <unistd.h>
#include <csignal>
#include <iostream>

#include "deploy/activityctl/context.h"

namespace activity::ctl {
namespace {

volatile std::sig_atomic_t was_interrupted = 0;

}  // namespace

bool stdin_is_terminal() {
    return isatty(STDIN_FILENO) == 1;
}

bool confirmed(const std::string& question, const std::string& name) {
    if (!stdin_is_terminal())
        throw UsageError("stdin is no terminal, so nobody can be asked; --yes says yes");
    std::cerr << question << "\nType y or " << name << " to go on: " << std::flush;
    std::string answer;
    std::getline(std::cin, answer);
    return answer == "y" || answer == name;
}

void catch_interrupts() {
    struct sigaction action {};
    action.sa_handler = [](int) { was_interrupted = 1; };
    action.sa_flags =
        static_cast<int>(SA_RESETHAND);  // and no SA_RESTART: a blocked read of stdin must return
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() {
    return was_interrupted != 0;
}

bool reader_has_gone() {
    pollfd out{STDOUT_FILENO, 0, 0};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

}  // namespace activity::ctl
