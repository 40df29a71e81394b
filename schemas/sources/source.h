#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/activity/timestamp.h"

namespace activity {

using KeyHash = std::array<std::uint8_t, 32>;

/// SHA-256 of a write key: the only form in which a key is kept.
KeyHash hash_key(std::string_view write_key);
/// 64 lower-case hexadecimal digits.
std::string format_hash(const KeyHash& hash);
std::optional<KeyHash> parse_hash(std::string_view hex);

/// A key that a source may send under. During a rotation there are two.
struct WriteKey {
    KeyHash hash{};
    std::optional<Timestamp> created;
    std::optional<Timestamp> expires;  ///< from then on it is no key any more
};

/// What becomes of an event that breaks a rule which a source may take more or less strictly.
enum class Strictness {
    off,     ///< not looked at
    mark,    ///< taken, with a mark
    reject,  ///< refused
};

/// Events of one activity that are not wanted, or only a share of them.
struct DropRule {
    std::string activity;  ///< as in the catalogue, without regard to case, blanks, `_` and `-`
    double keep = 0;       ///< share of the learners whose events are kept, 0 to 1
};

/// Whoever sends events under write keys of its own: a web app, a backend.
struct Source {
    std::string name;
    bool enabled = true;
    std::vector<WriteKey> keys;
    /// Origins whose pages may send: `https://school.example`, `https://*.school.example`,
    /// `http://localhost:*`, or `*` for any.
    std::vector<std::string> origins;
    std::optional<double> events_per_second;  ///< none: no limit
    double burst_events = 0;                  ///< how many may come at once; of a limited source at least 1
    Strictness schema = Strictness::mark;
    Strictness time_window = Strictness::mark;  ///< never off
    std::vector<DropRule> drop;
};

/// Whether the source names this origin (as a browser sends it), other than by `*`.
bool lists_origin(const Source& source, std::string_view origin);
/// Whether the source takes events from pages of any origin.
bool takes_any_origin(const Source& source);

}  // namespace activity
