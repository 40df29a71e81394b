#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace activity::loadtest::commands {

/// Throws std::invalid_argument if it is no record of a run.
nlohmann::ordered_json read_record(const std::filesystem::path& file);
/// Whole or not at all. Throws std::runtime_error.
void write_file(const std::filesystem::path& file, const std::string& text);
/// A setting of the environment; "" if it is not there.
std::string environment(const char* name);

}  // namespace activity::loadtest::commands
