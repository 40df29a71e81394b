#include "deploy/stack/harness/network.h"

#include <unistd.h>
#include <atomic>
#include <filesystem>
#include <sstream>

#include "deploy/stack/harness/wait.h"

namespace activity::harness {
namespace {

constexpr const char* ip_program = "/usr/sbin/ip";
constexpr const char* nsenter_program = "/usr/bin/nsenter";
constexpr const char* unshare_program = "/usr/bin/unshare";

/// Of this process: the kernel takes its time to remove those of a host before.
int next_number() {
    static std::atomic<int> last{0};
    return ++last;
}

std::string pid_text(const Process& process) {
    return std::to_string(process.pid());
}

}  // namespace

bool FarHost::possible() {
    return geteuid() == 0;
}

/// Host, two cables with a bridge between them, far host: for each link.
FarHost::FarHost(std::size_t links)
    : number_(next_number()),
      // One of 250, so that two tests at once have addresses of their own.
      subnet_("10." + std::to_string(1 + (getpid() + 50 * number_) % 250) + "."),
      switch_(make_namespace("switch")),
      far_(make_namespace("far")) {
    ip("link set lo up", far_.get());
    for (std::size_t i = 0; i < links; ++i) {
        const std::string number = std::to_string(i);
        const std::string near =
            "a" + std::to_string(getpid()) + "." + std::to_string(number_) + "." + number;
        ip("link add " + near + " type veth peer name near" + number + " netns " + pid_text(*switch_));
        ip("link add far" + number + " type veth peer name eth" + number + " netns " + pid_text(*far_),
           switch_.get());
        ip("link add bridge" + number + " type bridge", switch_.get());
        ip("link set near" + number + " master bridge" + number + " up", switch_.get());
        ip("link set far" + number + " up", switch_.get());
        ip("link set bridge" + number + " up", switch_.get());
        mend(i);
        ip("addr add " + here(i) + "/24 dev " + near);
        ip("link set " + near + " up");
        ip("addr add " + there(i) + "/24 dev eth" + number, far_.get());
        ip("link set eth" + number + " up", far_.get());
    }
}

void FarHost::cut(std::size_t link) {
    ip("link set far" + std::to_string(link) + " nomaster", switch_.get());
}

void FarHost::mend(std::size_t link) {
    ip("link set far" + std::to_string(link) + " master bridge" + std::to_string(link), switch_.get());
}

std::string FarHost::address(std::size_t link, int host) const {
    return subnet_ + std::to_string(link + 1) + "." + std::to_string(host);
}

std::unique_ptr<Process> FarHost::make_namespace(const std::string& name) const {
    auto holder = std::make_unique<Process>(Process::Command{
        {unshare_program, "--net", "/bin/sleep", "infinity"}, {}, directory_.path() / (name + ".log")});
    const auto space_of = [](const std::string& pid) {
        return std::filesystem::read_symlink("/proc/" + pid + "/ns/net");
    };
    wait_until("the namespace " + name + " is there",
               [&] { return space_of(pid_text(*holder)) != space_of("self"); });
    return holder;
}

std::vector<std::string> FarHost::inside(const Process& holder) {
    return {nsenter_program, "--target", pid_text(holder), "--net", "--"};
}

void FarHost::ip(const std::string& arguments, const Process* where) const {
    std::vector<std::string> command;
    if (where != nullptr) command = inside(*where);
    command.emplace_back(ip_program);
    std::istringstream words(arguments);
    for (std::string word; words >> word;) command.push_back(word);
    run({std::move(command), {}, directory_.path() / "ip.log"});
}

}  // namespace activity::harness
