#include "schemas/activity/uuid.h"

#include <stdlib.h>  // arc4random_buf is glibc's, not <cstdlib>'s

namespace activity {
namespace {

/// Value of a hexadecimal digit by its character, -1 of any other.
constexpr std::array<std::int8_t, 256> hex_values = [] {
    std::array<std::int8_t, 256> values{};
    values.fill(-1);
    for (int i = 0; i < 10; ++i) values[static_cast<std::size_t>('0' + i)] = static_cast<std::int8_t>(i);
    for (int i = 0; i < 6; ++i) {
        values[static_cast<std::size_t>('a' + i)] = static_cast<std::int8_t>(10 + i);
        values[static_cast<std::size_t>('A' + i)] = static_cast<std::int8_t>(10 + i);
    }
    return values;
}();

/// Where each byte's first digit stands in the text.
constexpr std::array<std::size_t, 16> digit_positions{0,  2,  4,  6,  9,  11, 14, 16,
                                                      19, 21, 24, 26, 28, 30, 32, 34};

int hex_value(char c) {
    return hex_values[static_cast<unsigned char>(c)];
}

}  // namespace

std::optional<UuidBytes> parse_uuid(std::string_view text) {
    if (text.size() != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
        return std::nullopt;
    UuidBytes bytes{};
    int wrong = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const int high = hex_value(text[digit_positions[i]]);
        const int low = hex_value(text[digit_positions[i] + 1]);
        wrong |= high | low;  // negative if one of them is
        bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    if (wrong < 0) return std::nullopt;
    return bytes;
}

std::string format_uuid(const UuidBytes& bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text(36, '-');
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        text[digit_positions[i]] = digits[bytes[i] >> 4];
        text[digit_positions[i] + 1] = digits[bytes[i] & 15];
    }
    return text;
}

std::string new_uuid_v7(Timestamp time) {
    UuidBytes bytes{};
    ::arc4random_buf(bytes.data() + 6, bytes.size() - 6);
    const auto ms = static_cast<std::uint64_t>(
        std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count());
    for (std::size_t i = 0; i < 6; ++i) bytes[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
    bytes[6] = static_cast<std::uint8_t>(0x70 | (bytes[6] & 0x0f));
    bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3f));
    return format_uuid(bytes);
}

}  // namespace activity
