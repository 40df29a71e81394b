#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace activity::ingest {

struct GzipLimits {
    std::size_t bytes_max = 512'000;  ///< of the unpacked body
    /// Unpacked bytes for each packed one. Batches of events come out at 5 to 40; deflate can reach 1,032,
    /// and only a bomb does.
    std::size_t ratio_max = 100;
};

enum class GzipError {
    malformed,  ///< not gzip, cut off, a wrong checksum, or more bytes behind its end
    too_large,  ///< beyond one of the limits; no more than the limit was ever unpacked
};

/// Unpacks gzip bodies (RFC 1952). Keeps its memory for the next one. One a thread.
class Gunzip {
  public:
    explicit Gunzip(const GzipLimits& limits);
    ~Gunzip();
    Gunzip(const Gunzip&) = delete;
    Gunzip& operator=(const Gunzip&) = delete;

    std::variant<std::string, GzipError> unpack(std::string_view packed);

  private:
    struct State;
    GzipLimits limits_;
    std::unique_ptr<State> state_;  ///< made with the first body that is packed
};

/// Whether the bytes begin as gzip's do. No JSON begins so: some SDKs send gzip and do not say it.
bool looks_like_gzip(std::string_view bytes);

}  // namespace activity::ingest
