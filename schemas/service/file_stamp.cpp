#include "schemas/service/file_stamp.h"

#include <system_error>

namespace activity::service {

std::optional<FileStamp> FileStamp::of(const std::filesystem::path& file) {
    std::error_code error;
    FileStamp stamp;
    stamp.written = std::filesystem::last_write_time(file, error);
    if (error) return std::nullopt;
    stamp.bytes = std::filesystem::file_size(file, error);
    if (error) return std::nullopt;
    return stamp;
}

}  // namespace activity::service
