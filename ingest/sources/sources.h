#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace activity::ingest {

/// Whoever sends events under write keys of its own: a web app, a backend.
struct Source {
    std::string name;
    bool enabled = true;
};

/// The sources and the hashes of their write keys: a key itself is never kept. Const after loading, so any
/// thread may ask.
class Sources {
  public:
    /// Throws service::SettingsError that names the file, each entry and each rule that it breaks.
    static Sources load(const std::filesystem::path& file);

    /// The source of a write key; nullptr if no source has it. Compares hashes, so the time that it takes
    /// says nothing about a key that is nearly right.
    const Source* find(std::string_view write_key) const;
    const std::vector<Source>& all() const { return sources_; }

  private:
    using KeyHash = std::array<std::uint8_t, 32>;
    friend class SourcesFile;

    std::vector<Source> sources_;
    std::map<KeyHash, std::size_t> by_key_;
};

}  // namespace activity::ingest
