#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace activity::harness {

/// A new directory below the system's temporary one, which every user may enter (PostgreSQL does not run as
/// root), removed at the end with all that is in it.
class Directory {
  public:
    explicit Directory(const std::string& name);
    ~Directory();
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

void write_file(const std::filesystem::path& file, const std::string& content);
std::string read_file(const std::filesystem::path& file);

/// A TCP port on loopback that nobody listens on, outside the range that the kernel gives to clients, so that
/// a server that is down for a while finds it free again.
std::uint16_t free_port();

}  // namespace activity::harness
