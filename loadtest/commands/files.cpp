#include "loadtest/commands/files.h"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace activity::loadtest::commands {

nlohmann::ordered_json read_record(const std::filesystem::path& file) {
    std::ifstream in(file);
    auto record = nlohmann::ordered_json::parse(in, nullptr, false);
    if (record.is_discarded() || !record.is_object() || record.value("format", "") != "activity-loadtest/1")
        throw std::invalid_argument(file.string() + " is no record of activity-loadtest/1");
    return record;
}

void write_file(const std::filesystem::path& file, const std::string& text) {
    auto written = file;
    written += ".new";
    std::ofstream out(written, std::ios::binary);
    out << text << '\n';
    out.close();
    if (!out) throw std::runtime_error("cannot write " + written.string());
    std::filesystem::rename(written, file);
}

std::string environment(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

}  // namespace activity::loadtest::commands
