#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/service/settings.h"
#include "schemas/sources/source.h"

namespace activity {

/// What is wrong with a file of sources: each entry and each rule that it breaks.
class SourcesError : public service::SettingsError {
  public:
    using SettingsError::SettingsError;
};

/// The sources of one file, and whose a write key is. Const after loading, so any thread may ask.
class Sources {
  public:
    /// Throws SourcesError.
    static Sources load(const std::filesystem::path& file);
    /// Of text; `place` stands in mistakes where the file's name would.
    static Sources parse(std::string_view toml, const std::string& place);
    /// Throws SourcesError if a rule of the whole is broken: two sources of one name, one key twice.
    explicit Sources(std::vector<Source> sources, const std::string& place = "sources");

    /// The source of a write key; nullptr if no source has it, or if it has expired. The key is looked up by
    /// its hash, and hashes are compared in constant time: how long it takes tells nothing about a key that
    /// is nearly right.
    const Source* find(std::string_view write_key, Timestamp now) const;
    const std::vector<Source>& all() const { return sources_; }

    /// The file's text: what parse() reads back equal.
    std::string toml() const;

  private:
    struct KeyPlace {
        std::size_t source = 0;
        std::size_t key = 0;
    };
    std::vector<Source> sources_;
    std::multimap<std::uint64_t, KeyPlace> by_hash_;  ///< by the hash's first 8 bytes
};

}  // namespace activity
