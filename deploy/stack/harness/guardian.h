#pragma once

#include <sys/types.h>
#include <filesystem>
#include <string>

namespace activity::harness {

/// Sees to it that a test leaves nothing behind, also when it is killed (by ctest's time limit, by kill -9).
/// A process of its own, outside the test's process tree, that learns over a pipe which process groups and
/// directories belong to the test; when the pipe's other end is gone, it ends and removes what is left.
/// (PR_SET_PDEATHSIG would not do: it fires when the *thread* that forked ends, and is lost on a change of
/// user, which PostgreSQL needs.)
class Guardian {
  public:
    /// Forks: call it first in main, before there are threads.
    static void start();

    static void watch_group(pid_t group);
    static void forget_group(pid_t group);
    static void watch_directory(const std::filesystem::path& directory);
    static void forget_directory(const std::filesystem::path& directory);
};

}  // namespace activity::harness
