#include "ingest/sources/sources.h"

#include <openssl/sha.h>
#include <toml++/toml.h>
#include <algorithm>
#include <optional>
#include <sstream>

#include "schemas/service/settings.h"

namespace activity::ingest {
namespace {

/// A name stands in Kafka's keys, in metrics' labels and in logs.
bool is_source_name(std::string_view name) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_' || c == '.';
    };
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), allowed);
}

std::optional<std::array<std::uint8_t, 32>> parse_hash(std::string_view hex) {
    std::array<std::uint8_t, 32> hash{};
    if (hex.size() != 2 * hash.size()) return std::nullopt;
    for (std::size_t i = 0; i < hex.size(); ++i) {
        const char c = hex[i];
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return std::nullopt;
        hash[i / 2] = static_cast<std::uint8_t>(hash[i / 2] << 4 | digit);
    }
    return hash;
}

}  // namespace

/// Reads one file and collects what is wrong with it.
class SourcesFile {
  public:
    explicit SourcesFile(std::filesystem::path file) : file_(std::move(file)) {}

    Sources read() {
        const toml::table root = parse();
        const auto* entries = root.get_as<toml::array>("source");
        if (entries == nullptr || !entries->is_array_of_tables()) {
            mistake("source", "there must be at least one [[source]]");
        } else {
            std::size_t number = 0;
            for (const auto& entry : *entries) read_source(*entry.as_table(), ++number);
        }
        if (!mistakes_.empty()) throw service::SettingsError(mistakes_.substr(0, mistakes_.size() - 1));
        return std::move(sources_);
    }

  private:
    toml::table parse() {
        try {
            return toml::parse_file(file_.string());
        } catch (const toml::parse_error& error) {
            std::ostringstream text;
            text << "ACTIVITY_SOURCES: " << file_.string() << ": " << error.description() << " (line "
                 << error.source().begin.line << ")";
            throw service::SettingsError(text.str());
        }
    }

    void mistake(const std::string& place, const std::string& rule) {
        mistakes_ += "ACTIVITY_SOURCES: " + file_.string() + ": " + place + ": " + rule + "\n";
    }

    void read_source(const toml::table& table, std::size_t number) {
        Source source;
        source.name = table["name"].value_or(std::string());
        const std::string place =
            source.name.empty() ? "source " + std::to_string(number) : "source " + source.name;
        if (!is_source_name(source.name))
            mistake(place, "name must be 1 to 64 of letters, digits, - _ and .");
        for (const Source& other : sources_.sources_) {
            if (other.name == source.name) mistake(place, "there is another source of this name");
        }
        if (const auto enabled = table["enabled"]) {
            if (!enabled.is_boolean()) mistake(place, "enabled must be true or false");
            source.enabled = enabled.value_or(true);
        }
        for (const auto& [key, value] : table) {
            if (key != "name" && key != "enabled" && key != "key_sha256") {
                mistake(place, std::string(key.str()) + " is no member known here");
            }
        }
        read_keys(table, place);
        sources_.sources_.push_back(std::move(source));
    }

    void read_keys(const toml::table& table, const std::string& place) {
        const auto* hashes = table.get_as<toml::array>("key_sha256");
        if (hashes == nullptr || hashes->empty()) {
            mistake(place, "key_sha256 must be an array with at least one hash");
            return;
        }
        for (const auto& node : *hashes) {
            const auto hash = parse_hash(node.value_or(std::string()));
            if (!hash) {
                mistake(place, "key_sha256 must hold SHA-256 hashes of 64 lower-case hexadecimal digits");
            } else if (!sources_.by_key_.emplace(*hash, sources_.sources_.size()).second) {
                mistake(place, "key_sha256 holds a key that another entry has too");
            }
        }
    }

    std::filesystem::path file_;
    std::string mistakes_;
    Sources sources_;
};

Sources Sources::load(const std::filesystem::path& file) {
    return SourcesFile(file).read();
}

const Source* Sources::find(std::string_view write_key) const {
    KeyHash hash{};
    ::SHA256(reinterpret_cast<const unsigned char*>(write_key.data()), write_key.size(), hash.data());
    const auto found = by_key_.find(hash);
    return found == by_key_.end() ? nullptr : &sources_[found->second];
}

}  // namespace activity::ingest
