#include "schemas/activity/message_key.h"

#include <algorithm>
#include <optional>

#include "schemas/activity/hash.h"

namespace activity {
namespace {

constexpr std::uint8_t hashed_range = 0xff;

std::optional<UuidBytes> own_key(std::string_view message_id) {
    const auto bytes = parse_uuid(message_id);
    if (!bytes) return std::nullopt;
    const bool version_7 = (*bytes)[6] >> 4 == 7;
    const bool rfc_variant = (*bytes)[8] >> 6 == 2;
    if (!version_7 || !rfc_variant || (*bytes)[0] == hashed_range) return std::nullopt;
    return bytes;
}

/// The milliseconds of `<word>-next-<13 digits>-…`: 13 digits last until the year 2286, which fits 48 bits.
std::optional<std::uint64_t> time_in(std::string_view message_id) {
    constexpr std::string_view marker = "-next-";
    constexpr std::size_t digits = 13;
    const std::size_t at = message_id.find(marker);
    if (at == 0 || at == std::string_view::npos) return std::nullopt;
    const auto is_word = [](char c) { return c >= 'a' && c <= 'z'; };
    if (!std::all_of(message_id.begin(), message_id.begin() + static_cast<std::ptrdiff_t>(at), is_word)) {
        return std::nullopt;
    }
    const std::string_view rest = message_id.substr(at + marker.size());
    if (rest.size() <= digits || rest[digits] != '-') return std::nullopt;
    std::uint64_t ms = 0;
    for (const char c : rest.substr(0, digits)) {
        if (c < '0' || c > '9') return std::nullopt;
        ms = ms * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return ms;
}

}  // namespace

std::optional<Timestamp> MessageKey::time() const {
    if (bytes[0] == hashed_range) return std::nullopt;
    std::int64_t ms = 0;
    for (std::size_t i = 0; i < 6; ++i) ms = ms << 8 | bytes[i];
    return Timestamp(std::chrono::milliseconds(ms));
}

MessageKey message_key(std::string_view message_id) {
    if (const auto own = own_key(message_id)) return {*own};
    UuidBytes bytes = hash_128(message_id);
    if (const auto ms = time_in(message_id)) {
        for (std::size_t i = 0; i < 6; ++i) bytes[i] = static_cast<std::uint8_t>(*ms >> (40 - 8 * i));
        bytes[6] = static_cast<std::uint8_t>(0x80 | (bytes[6] & 0x0f));
        bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3f));
    } else {
        bytes[0] = hashed_range;
    }
    return {bytes};
}

}  // namespace activity
