#include "deploy/stack/harness/directory.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "deploy/stack/harness/guardian.h"

namespace activity::harness {

Directory::Directory(const std::string& name) {
    std::string made = std::filesystem::temp_directory_path() / ("activity-" + name + "-XXXXXX");
    if (mkdtemp(made.data()) == nullptr) throw std::runtime_error("cannot make " + made);
    path_ = made;
    chmod(made.c_str(), 0755);
    Guardian::watch_directory(path_);
}

Directory::~Directory() {
    std::error_code ignored;
    // ACTIVITY_TEST_KEEP leaves the logs to look at after a failure.
    if (std::getenv("ACTIVITY_TEST_KEEP") == nullptr) std::filesystem::remove_all(path_, ignored);
    Guardian::forget_directory(path_);
}

void write_file(const std::filesystem::path& file, const std::string& content) {
    std::ofstream stream(file, std::ios::binary | std::ios::trunc);
    stream << content;
    if (!stream.flush()) throw std::runtime_error("cannot write " + file.string());
}

std::string read_file(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream content;
    content << stream.rdbuf();
    return content.str();
}

/// A port is free until its server has come up: other tests, which run beside this one, must not choose it
/// meanwhile, or two tests share a broker. A name among the kernel's abstract ones, held until this process
/// ends, says that it is taken.
static bool reserve(std::uint16_t port) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string text = "activity-test-port-" + std::to_string(port);
    text.copy(name.sun_path + 1, text.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
    if (bind(fd, reinterpret_cast<sockaddr*>(&name), size) == 0) return true;
    close(fd);
    return false;
}

std::uint16_t free_port() {
    static std::mt19937 random{std::random_device{}()};
    std::uniform_int_distribution<int> ports(20'000, 32'000);
    for (int attempt = 0; attempt < 1'000; ++attempt) {
        const auto port = static_cast<std::uint16_t>(ports(random));
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_ANY);
        const bool is_free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
        close(fd);
        if (is_free && reserve(port)) return port;
    }
    throw std::runtime_error("no free port between 20000 and 32000");
}

}  // namespace activity::harness
