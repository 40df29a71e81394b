#include "ingest/server/gzip.h"

#include <zlib.h>
#include <algorithm>
#include <new>

namespace activity::ingest {
namespace {

constexpr int gzip_only = 16 + MAX_WBITS;  // zlib.h, inflateInit2
constexpr std::size_t step_bytes = 32 * 1024;
/// Below this a ratio says nothing: a few hundred bytes of the same event pack very well.
constexpr std::size_t ratio_from_bytes = 64 * 1024;

}  // namespace

struct Gunzip::State {
    State() {
        if (::inflateInit2(&stream, gzip_only) != Z_OK) throw std::bad_alloc();
    }
    ~State() { ::inflateEnd(&stream); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    z_stream stream{};
};

Gunzip::Gunzip(const GzipLimits& limits) : limits_(limits) {}
Gunzip::~Gunzip() = default;

std::variant<std::string, GzipError> Gunzip::unpack(std::string_view packed) {
    if (state_) {
        ::inflateReset(&state_->stream);
    } else {
        state_ = std::make_unique<State>();
    }
    z_stream& stream = state_->stream;
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // zlib's old signature
    stream.avail_in = static_cast<uInt>(packed.size());

    const std::size_t by_ratio = std::max(ratio_from_bytes, packed.size() * limits_.ratio_max);
    const std::size_t bytes_max = std::min(limits_.bytes_max, by_ratio);
    std::string out;
    for (;;) {
        const std::size_t before = out.size();
        // One byte more than may come: whether it comes is the question.
        const std::size_t room = std::min(step_bytes, bytes_max + 1 - before);
        out.resize(before + room);
        stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
        stream.avail_out = static_cast<uInt>(room);
        const int result = ::inflate(&stream, Z_NO_FLUSH);
        out.resize(before + room - stream.avail_out);
        if (out.size() > bytes_max) return GzipError::too_large;
        if (result == Z_STREAM_END) break;
        if (result != Z_OK || (stream.avail_in == 0 && stream.avail_out > 0)) return GzipError::malformed;
    }
    if (stream.avail_in > 0) return GzipError::malformed;
    return out;
}

bool looks_like_gzip(std::string_view bytes) {
    return bytes.starts_with("\x1f\x8b");
}

}  // namespace activity::ingest
