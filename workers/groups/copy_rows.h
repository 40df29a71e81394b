#pragma once

#include <bit>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>

#include "schemas/activity/message_key.h"
#include "schemas/activity/timestamp.h"

namespace activity::workers {

/// Rows in the binary form of PostgreSQL's COPY, one behind the other in one string. Binary, because the
/// server then neither looks for line ends nor parses times and UUIDs, and nothing needs escaping (README.md
/// has the numbers). Source: PostgreSQL 15, documentation of COPY, "Binary Format"; the fields are as the
/// types' `send` functions write them.
class CopyRows {
  public:
    /// What a stream of rows begins and ends with.
    static constexpr std::string_view header{"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19};
    static constexpr std::string_view trailer{"\377\377", 2};

    void begin_row(std::size_t columns) {
        assert(columns < 32'768);
        append(static_cast<std::uint16_t>(columns));
    }

    void null() { append(std::numeric_limits<std::uint32_t>::max()); }

    /// text, and json too.
    void text(std::string_view value) {
        append(static_cast<std::uint32_t>(value.size()));
        bytes_.append(value);
    }
    /// NULL for what is absent.
    void text_or_null(std::string_view value) {
        if (value.empty()) {
            null();
        } else {
            text(value);
        }
    }

    void uuid(const UuidBytes& value) {
        append(std::uint32_t{16});
        bytes_.append(reinterpret_cast<const char*>(value.data()), value.size());
    }

    void bigint(std::int64_t value) {
        append(std::uint32_t{8});
        append(static_cast<std::uint64_t>(value));
    }

    void integer(std::int32_t value) {
        append(std::uint32_t{4});
        append(static_cast<std::uint32_t>(value));
    }

    void boolean(bool value) {
        append(std::uint32_t{1});
        bytes_ += value ? '\1' : '\0';
    }

    void double_precision(double value) {
        append(std::uint32_t{8});
        append(std::bit_cast<std::uint64_t>(value));
    }

    void timestamptz(Timestamp value) {
        using namespace std::chrono;
        // PostgreSQL counts microseconds from the year 2000.
        constexpr Timestamp epoch = sys_days(year(2000) / January / 1);
        bigint((value - epoch).count());
    }

    /// text[]. NULL for what is empty. `texts` holds what std::string_view can be made of.
    template <typename Texts>
    void text_array_or_null(const Texts& texts) {
        if (std::empty(texts)) {
            null();
            return;
        }
        constexpr std::uint32_t type_text = 25;  // pg_type's OID, the same in every database
        constexpr std::uint32_t fixed_bytes = 20;
        std::uint32_t size = fixed_bytes;
        for (const std::string_view element : texts) size += 4 + static_cast<std::uint32_t>(element.size());
        append(size);
        append(std::uint32_t{1});  // dimensions
        append(std::uint32_t{0});  // no NULL among them
        append(type_text);
        append(static_cast<std::uint32_t>(std::size(texts)));
        append(std::uint32_t{1});  // index of the first
        for (const std::string_view element : texts) text(element);
    }

    const std::string& bytes() const { return bytes_; }
    std::size_t size() const { return bytes_.size(); }
    void clear() { bytes_.clear(); }
    /// Takes back what was written behind `size`.
    void cut_to(std::size_t size) {
        assert(size <= bytes_.size());
        bytes_.resize(size);
    }

  private:
    /// Network byte order.
    template <typename Unsigned>
    void append(Unsigned value) {
        if constexpr (std::endian::native == std::endian::little) {
            if constexpr (sizeof value == 2) value = __builtin_bswap16(value);
            if constexpr (sizeof value == 4) value = __builtin_bswap32(value);
            if constexpr (sizeof value == 8) value = __builtin_bswap64(value);
        }
        char raw[sizeof value];
        std::memcpy(raw, &value, sizeof value);
        bytes_.append(raw, sizeof raw);
    }

    std::string bytes_;
};

}  // namespace activity::workers
