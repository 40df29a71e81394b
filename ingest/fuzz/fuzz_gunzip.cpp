// Gzip bodies. The first byte says what is done with the others: unpacked as they are, or packed first, whole
// or cut short. No more than the limits is ever unpacked, and what was packed comes out as it went in.

#include <zlib.h>
#include <algorithm>

#include "ingest/fuzz/check.h"
#include "ingest/server/gzip.h"

namespace {

using namespace activity::ingest;
using fuzz::require;

constexpr GzipLimits limits{100'000, 20};
constexpr std::size_t ratio_from_bytes = 64 * 1024;  // below it the ratio does not count

/// Packs with one state for all inputs: a new one is 256 KiB of memory.
class Gzip {
  public:
    Gzip() {
        require(::deflateInit2(&stream_, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK,
                "deflateInit2");
    }
    ~Gzip() { ::deflateEnd(&stream_); }
    Gzip(const Gzip&) = delete;
    Gzip& operator=(const Gzip&) = delete;

    std::string pack(std::string_view text, int level, int strategy) {
        require(::deflateReset(&stream_) == Z_OK, "deflateReset");
        require(::deflateParams(&stream_, level, strategy) == Z_OK, "deflateParams");
        std::string out(::deflateBound(&stream_, static_cast<uLong>(text.size())), '\0');
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
        stream_.avail_in = static_cast<uInt>(text.size());
        stream_.next_out = reinterpret_cast<Bytef*>(out.data());
        stream_.avail_out = static_cast<uInt>(out.size());
        require(::deflate(&stream_, Z_FINISH) == Z_STREAM_END, "deflate");
        out.resize(stream_.total_out);
        return out;
    }

  private:
    z_stream stream_{};
};

std::size_t bytes_max(std::size_t packed_bytes) {
    return std::min(limits.bytes_max, std::max(ratio_from_bytes, packed_bytes * limits.ratio_max));
}

void require_comes_out(Gunzip& gunzip, std::string_view text, const std::string& packed) {
    require(looks_like_gzip(packed), "gzip is known by its first bytes");
    const auto unpacked = gunzip.unpack(packed);
    if (text.size() > bytes_max(packed.size())) {
        require(std::holds_alternative<GzipError>(unpacked) &&
                    std::get<GzipError>(unpacked) == GzipError::too_large,
                "what is beyond the limits is too large");
        return;
    }
    require(std::holds_alternative<std::string>(unpacked), "what was packed is unpacked");
    require(std::get<std::string>(unpacked) == text, "what was packed comes out as it was");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Gunzip gunzip(limits);
    static Gzip gzip;
    if (size == 0) return 0;
    const unsigned how = data[0];
    const std::string_view rest = fuzz::text_of(data, size).substr(1);
    const int level = static_cast<int>(how >> 2 & 7U) + 1;
    const int strategy = static_cast<int>(how >> 5 & 7U) % 4;
    switch (how & 3U) {
        case 0:
        case 1: {
            const auto unpacked = gunzip.unpack(rest);
            const auto* text = std::get_if<std::string>(&unpacked);
            if (text == nullptr) break;
            require(text->size() <= bytes_max(rest.size()), "never more than the limits");
            require_comes_out(gunzip, *text, gzip.pack(*text, level, strategy));
            break;
        }
        case 2: {
            // Long texts out of short inputs: the limits are reached.
            std::string text(rest);
            for (unsigned i = 0; i < (how >> 2) / 4 && text.size() < limits.bytes_max; ++i) text += text;
            require_comes_out(gunzip, text, gzip.pack(text, level, strategy));
            break;
        }
        default: {
            const std::string packed = gzip.pack(rest, level, strategy);
            const std::size_t kept = rest.empty() ? 0 : static_cast<unsigned char>(rest[0]) % packed.size();
            const auto cut = gunzip.unpack(std::string_view(packed).substr(0, kept));
            require(std::holds_alternative<GzipError>(cut), "what is cut short is refused");
            const auto longer = gunzip.unpack(packed + "x");
            require(std::holds_alternative<GzipError>(longer), "what has more behind its end is refused");
            require_comes_out(gunzip, rest, packed);
        }
    }
    return 0;
}
