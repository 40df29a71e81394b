#include "schemas/sources/sources.h"

#include <openssl/crypto.h>
#include <toml++/toml.h>
#include <algorithm>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

namespace activity {
namespace {

/// Burst of a limited source that names none: this many seconds' worth.
constexpr double default_burst_s = 5;
constexpr double events_per_second_max = 10'000'000;

/// A name stands in Kafka's keys, in metrics' labels and in logs.
bool is_source_name(std::string_view name) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_' || c == '.';
    };
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), allowed);
}

/// `*`, or scheme://host[:port] as a browser sends it, with `*.` before the host or `*` for the port.
bool is_origin_rule(std::string_view rule) {
    if (rule == "*") return true;
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (!rule.starts_with(scheme)) continue;
        rule.remove_prefix(scheme.size());
        if (rule.starts_with("*.")) rule.remove_prefix(2);
        if (rule.ends_with(":*")) rule.remove_suffix(2);
        const auto allowed = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':' ||
                   c == '[' || c == ']';
        };
        return !rule.empty() && std::all_of(rule.begin(), rule.end(), allowed);
    }
    return false;
}

std::optional<Timestamp> timestamp_of(const toml::date_time& time) {
    std::ostringstream text;
    text << time;
    return parse_timestamp(text.str());
}

std::uint64_t first_bytes(const KeyHash& hash) {
    std::uint64_t value = 0;
    std::memcpy(&value, hash.data(), sizeof value);
    return value;
}

/// Reads the entries of one document and collects what is wrong with them.
class SourcesDocument {
  public:
    explicit SourcesDocument(std::string place) : place_(std::move(place)) {}

    std::vector<Source> read(const toml::table& root) {
        refuse_unknown(root, "top level", {"source"});
        const auto* entries = root.get_as<toml::array>("source");
        if (entries == nullptr || !entries->is_array_of_tables()) {
            mistake("source", "there must be at least one [[source]]");
        } else {
            std::size_t number = 0;
            for (const auto& entry : *entries) sources_.push_back(read_source(*entry.as_table(), ++number));
        }
        if (!mistakes_.empty()) throw SourcesError(mistakes_.substr(0, mistakes_.size() - 1));
        return std::move(sources_);
    }

  private:
    void mistake(const std::string& entry, const std::string& rule) {
        mistakes_ += place_ + ": " + entry + ": " + rule + "\n";
    }

    void refuse_unknown(const toml::table& table, const std::string& entry,
                        const std::set<std::string_view>& known) {
        for (const auto& [key, value] : table) {
            if (!known.contains(key.str()))
                mistake(entry, std::string(key.str()) + " is no member known here");
        }
    }

    Source read_source(const toml::table& table, std::size_t number) {
        Source source;
        source.name = table["name"].value_or(std::string());
        const std::string entry =
            source.name.empty() ? "source " + std::to_string(number) : "source " + source.name;
        if (!is_source_name(source.name))
            mistake(entry, "name must be 1 to 64 of letters, digits, - _ and .");
        refuse_unknown(table, entry,
                       {"name", "enabled", "keys", "origins", "events_per_second", "burst_events", "schema",
                        "time_window", "drop"});
        if (const auto enabled = table["enabled"]) {
            if (!enabled.is_boolean()) mistake(entry, "enabled must be true or false");
            source.enabled = enabled.value_or(true);
        }
        read_keys(source, table, entry);
        read_origins(source, table, entry);
        read_rate(source, table, entry);
        source.schema = strictness(table, "schema", {"off", "mark", "reject"}, entry);
        source.time_window = strictness(table, "time_window", {"mark", "reject"}, entry);
        read_drop_rules(source, table, entry);
        return source;
    }

    /// Calls `read` with every table of an array of tables, in either of TOML's forms.
    template <typename Read>
    void for_each_table(const toml::table& table, const char* name, const std::string& entry, Read read) {
        const auto* node = table.get(name);
        if (node == nullptr) return;
        const auto* array = node->as_array();
        if (array == nullptr) {
            mistake(entry, std::string(name) + " must be an array of tables");
            return;
        }
        for (const auto& item : *array) {
            if (const auto* one = item.as_table()) {
                read(*one);
            } else {
                mistake(entry, std::string(name) + " must be an array of tables");
            }
        }
    }

    void read_keys(Source& source, const toml::table& table, const std::string& entry) {
        for_each_table(table, "keys", entry, [&](const toml::table& item) {
            refuse_unknown(item, entry + ": keys", {"sha256", "created", "expires"});
            WriteKey key;
            if (const auto hash = parse_hash(item["sha256"].value_or(std::string()))) {
                key.hash = *hash;
            } else {
                mistake(entry, "keys: sha256 must be a SHA-256 hash of 64 lower-case hexadecimal digits");
            }
            key.created = time(item, "created", entry);
            key.expires = time(item, "expires", entry);
            source.keys.push_back(key);
        });
    }

    std::optional<Timestamp> time(const toml::table& table, const char* name, const std::string& entry) {
        const auto* node = table.get(name);
        if (node == nullptr) return std::nullopt;
        const auto value = node->value<toml::date_time>();
        const auto time = value && value->offset ? timestamp_of(*value) : std::nullopt;
        if (!time)
            mistake(entry, "keys: " + std::string(name) + " must be a date-time as 2026-11-21T14:28:00Z");
        return time;
    }

    void read_origins(Source& source, const toml::table& table, const std::string& entry) {
        const auto* node = table.get("origins");
        if (node == nullptr) return;
        const toml::array none;
        const auto* array = node->as_array();
        if (array == nullptr) mistake(entry, "origins must be an array of strings");
        for (const auto& item : array == nullptr ? none : *array) {
            const auto rule = item.value_or(std::string());
            if (!is_origin_rule(rule)) {
                mistake(entry,
                        "origins must hold scheme://host[:port] in lower case, *. before a host, * as port, "
                        "or * alone");
            }
            source.origins.push_back(rule);
        }
    }

    void read_rate(Source& source, const toml::table& table, const std::string& entry) {
        if (table.contains("events_per_second")) {
            const auto rate = table["events_per_second"].value<double>();
            if (!rate || !(*rate > 0 && *rate <= events_per_second_max)) {
                mistake(entry, "events_per_second must be a number above 0, at most 10000000");
                return;
            }
            source.events_per_second = rate;
            source.burst_events = std::max(1.0, *rate * default_burst_s);
        }
        if (!table.contains("burst_events")) return;
        const auto burst = table["burst_events"].value<double>();
        if (!source.events_per_second) {
            mistake(entry, "burst_events says nothing without events_per_second");
        } else if (!burst || !(*burst >= 1 && *burst <= events_per_second_max)) {
            mistake(entry, "burst_events must be a number from 1 to 10000000");
        } else {
            source.burst_events = *burst;
        }
    }

    Strictness strictness(const toml::table& table, const char* name,
                          const std::vector<std::string_view>& allowed, const std::string& entry) {
        const auto* node = table.get(name);
        if (node == nullptr) return Strictness::mark;
        const std::string value = node->value_or(std::string());
        if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
            std::string rule = std::string(name) + " must be one of";
            for (const auto& word : allowed) rule.append(" ").append(word);
            mistake(entry, rule);
        }
        return value == "off" ? Strictness::off : value == "reject" ? Strictness::reject : Strictness::mark;
    }

    void read_drop_rules(Source& source, const toml::table& table, const std::string& entry) {
        for_each_table(table, "drop", entry, [&](const toml::table& item) {
            refuse_unknown(item, entry + ": drop", {"activity", "keep"});
            DropRule rule;
            rule.activity = item["activity"].value_or(std::string());
            if (rule.activity.empty()) mistake(entry, "drop: activity must be the name of an activity");
            if (item.contains("keep")) {
                const auto keep = item["keep"].value<double>();
                if (!keep || !(*keep >= 0 && *keep <= 1))
                    mistake(entry, "drop: keep must be a number from 0 to 1");
                rule.keep = keep.value_or(1);
            }
            source.drop.push_back(std::move(rule));
        });
    }

    std::string place_;
    std::string mistakes_;
    std::vector<Source> sources_;
};

std::string_view name_of(Strictness strictness) {
    switch (strictness) {
        case Strictness::off: return "off";
        case Strictness::mark: return "mark";
        case Strictness::reject: return "reject";
    }
    return "mark";
}

toml::date_time toml_time(Timestamp time) {
    using namespace std::chrono;
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss<microseconds> clock(time - day);
    return {toml::date(int(date.year()), unsigned(date.month()), unsigned(date.day())),
            toml::time(static_cast<unsigned>(clock.hours().count()),
                       static_cast<unsigned>(clock.minutes().count()),
                       static_cast<unsigned>(clock.seconds().count()),
                       static_cast<unsigned>(nanoseconds(clock.subseconds()).count())),
            toml::time_offset(0, 0)};
}

toml::array keys_array(const Source& source) {
    toml::array keys;
    for (const WriteKey& key : source.keys) {
        toml::table item{{"sha256", format_hash(key.hash)}};
        if (key.created) item.insert("created", toml_time(*key.created));
        if (key.expires) item.insert("expires", toml_time(*key.expires));
        item.is_inline(true);
        keys.push_back(std::move(item));
    }
    return keys;
}

}  // namespace

Sources Sources::load(const std::filesystem::path& file) {
    const std::string place = "ACTIVITY_SOURCES: " + file.string();
    std::ifstream in(file, std::ios::binary);
    if (!in) throw SourcesError(place + ": cannot be read");
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    return parse(text, place);
}

Sources Sources::parse(std::string_view toml, const std::string& place) {
    toml::table root;
    try {
        root = toml::parse(toml);
    } catch (const toml::parse_error& error) {
        std::ostringstream text;
        text << place << ": " << error.description() << " (line " << error.source().begin.line << ")";
        throw SourcesError(text.str());
    }
    return Sources(SourcesDocument(place).read(root), place);
}

Sources::Sources(std::vector<Source> sources, const std::string& place) : sources_(std::move(sources)) {
    std::string mistakes;
    std::set<std::string_view> names;
    std::set<KeyHash> hashes;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
        const Source& source = sources_[i];
        const auto mistake = [&](const char* rule) {
            mistakes += place + ": source " + source.name + ": " + rule + "\n";
        };
        if (!names.insert(source.name).second) mistake("there is another source of this name");
        for (std::size_t key = 0; key < source.keys.size(); ++key) {
            const KeyHash& hash = source.keys[key].hash;
            if (!hashes.insert(hash).second) mistake("keys: there is another entry with this key");
            by_hash_.emplace(first_bytes(hash), KeyPlace{i, key});
        }
    }
    if (!mistakes.empty()) throw SourcesError(mistakes.substr(0, mistakes.size() - 1));
}

const Source* Sources::find(std::string_view write_key, Timestamp now) const {
    const KeyHash hash = hash_key(write_key);
    const auto [begin, end] = by_hash_.equal_range(first_bytes(hash));
    for (auto place = begin; place != end; ++place) {
        const Source& source = sources_[place->second.source];
        const WriteKey& key = source.keys[place->second.key];
        if (::CRYPTO_memcmp(key.hash.data(), hash.data(), hash.size()) != 0) continue;
        if (key.expires && *key.expires <= now) return nullptr;
        return &source;
    }
    return nullptr;
}

std::string Sources::toml() const {
    toml::array entries;
    for (const Source& source : sources_) {
        toml::table entry{{"name", source.name}, {"enabled", source.enabled}, {"keys", keys_array(source)}};
        if (!source.origins.empty()) {
            toml::array origins;
            for (const std::string& rule : source.origins) origins.push_back(rule);
            entry.insert("origins", std::move(origins));
        }
        if (source.events_per_second) {
            entry.insert("events_per_second", *source.events_per_second);
            entry.insert("burst_events", source.burst_events);
        }
        entry.insert("schema", std::string(name_of(source.schema)));
        entry.insert("time_window", std::string(name_of(source.time_window)));
        if (!source.drop.empty()) {
            toml::array rules;
            for (const DropRule& rule : source.drop) {
                toml::table item{{"activity", rule.activity}, {"keep", rule.keep}};
                item.is_inline(true);
                rules.push_back(std::move(item));
            }
            entry.insert("drop", std::move(rules));
        }
        entries.push_back(std::move(entry));
    }
    std::ostringstream out;
    out << toml::table{{"source", std::move(entries)}} << '\n';
    return out.str();
}

}  // namespace activity
