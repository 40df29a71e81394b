#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace activity::service {

/// What a file looked like from outside: two looks that see the same have seen no change between them.
struct FileStamp {
    std::filesystem::file_time_type written;
    std::uintmax_t bytes = 0;

    bool operator==(const FileStamp&) const = default;
    /// Nothing if there is no such file, or it cannot be looked at.
    static std::optional<FileStamp> of(const std::filesystem::path& file);
};

}  // namespace activity::service
