#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/sources/sources.h"

namespace activity::ctl {

/// The file of the sources, changed by one at a time and as a whole: whoever reads it sees it before a change
/// or after it. Comments in it are not kept.
class SourcesFile {
  public:
    explicit SourcesFile(std::filesystem::path file) : file_(std::move(file)) {}

    /// Empty if there is no such file. Throws SourcesError.
    std::vector<Source> read() const;
    /// Reads, lets `change` work on it, checks it and writes it. Throws SourcesError and CommandError.
    void edit(const std::function<void(std::vector<Source>&)>& change) const;

  private:
    void write(const std::string& text) const;
    std::filesystem::path file_;
};

/// Throws CommandError if there is none of this name.
Source& source_named(std::vector<Source>& sources, const std::string& name);

/// A new random write key (160 bits, hexadecimal).
std::string new_write_key();

/// Adds a key and lets the others expire at `old_keys_expire`, unless they do so before.
void rotate(Source& source, const KeyHash& key, Timestamp now, Timestamp old_keys_expire);

/// Takes back the one key whose hash begins so. Throws CommandError if none does or several do.
void revoke(Source& source, std::string_view hash_prefix);

}  // namespace activity::ctl
