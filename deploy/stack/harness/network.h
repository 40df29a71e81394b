#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "deploy/stack/harness/directory.h"
#include "deploy/stack/harness/process.h"

namespace activity::harness {

/// A host of a test's own: a network namespace with links to this one that can be cut. A cut link keeps its
/// carrier and swallows every packet, in both directions, as a broken switch does: nobody gets an error. The
/// namespaces belong to two processes, and end with them. Needs root.
class FarHost {
  public:
    static bool possible();

    explicit FarHost(std::size_t links);

    /// This host's address on a link.
    std::string here(std::size_t link) const { return address(link, 1); }
    /// The far host's.
    std::string there(std::size_t link) const { return address(link, 2); }
    void cut(std::size_t link);
    void mend(std::size_t link);

    /// What a program's command line is put behind to run there.
    std::vector<std::string> launcher() const { return inside(*far_); }

  private:
    std::string address(std::size_t link, int host) const;
    std::unique_ptr<Process> make_namespace(const std::string& name) const;
    static std::vector<std::string> inside(const Process& holder);
    void ip(const std::string& arguments, const Process* where = nullptr) const;

    Directory directory_{"network"};
    int number_;
    std::string subnet_;  ///< its first two bytes and a dot
    std::unique_ptr<Process> switch_;
    std::unique_ptr<Process> far_;
};

}  // namespace activity::harness
