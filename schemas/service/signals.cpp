#include "schemas/service/signals.h"

#include <csignal>

namespace activity::service {
namespace {

sigset_t termination_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

}  // namespace

void block_termination_signals() {
    const sigset_t set = termination_signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    // A peer that went away is an error of write(), not the end of the process.
    std::signal(SIGPIPE, SIG_IGN);
}

int wait_for_termination() {
    const sigset_t set = termination_signals();
    int signal = 0;
    while (sigwait(&set, &signal) != 0) {
    }
    return signal;
}

}  // namespace activity::service
