// A connection's bytes. The first line of the input is no part of them: its first letter says what becomes of
// the records (k kept, q queue full, l lost, x late), the others how long the pieces are in which the bytes
// come
// (! is 1, " is 2, and so on; the lengths take turns). The same bytes in pieces and all at once get the same
// replies, and the same records go to Kafka.

#include "ingest/fuzz/check.h"
#include "ingest/fuzz/front_door.h"

namespace {

using namespace activity::ingest::fuzz;

constexpr std::size_t first_line_bytes_max = 17;

Fate fate_of(std::string_view line) {
    if (line.starts_with('q')) return Fate::queue_full;
    if (line.starts_with('l')) return Fate::lost;
    if (line.starts_with('x')) return Fate::late;
    return Fate::kept;
}

/// A chunk whose extension has a quote without its end: Beast counts the chunk's size against the body's
/// limit again with every piece, so that it ends as 400 or as 413. The connection ends in any case.
bool is_bad_chunk(std::string_view reply) {
    return (reply.starts_with("400\n") || reply.starts_with("413\n")) &&
           reply.find("connection: close\n") != std::string_view::npos;
}

std::vector<std::size_t> pieces_of(std::string_view line) {
    std::vector<std::size_t> pieces;
    for (const char c : line.substr(line.empty() ? 0 : 1)) {
        const auto length = static_cast<unsigned char>(c);
        pieces.push_back(length > ' ' ? length - ' ' : 1);
    }
    if (pieces.empty()) pieces.push_back(1);
    return pieces;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static FrontDoor front_door;
    std::string_view bytes = text_of(data, size);
    std::string_view line;
    if (bytes.substr(0, first_line_bytes_max).find('\n') != std::string_view::npos) line = take_line(bytes);
    const Outcome whole = front_door.serve(bytes, {}, fate_of(line));
    const Outcome pieces = front_door.serve(bytes, pieces_of(line), fate_of(line));
    for (std::size_t i = 0; i < std::min(whole.replies.size(), pieces.replies.size()); ++i) {
        if (whole.replies[i] == pieces.replies[i]) continue;
        if (is_bad_chunk(whole.replies[i]) && is_bad_chunk(pieces.replies[i])) continue;
        require(false, "the same replies however the bytes come",
                whole.replies[i] + "\n--- in pieces\n" + pieces.replies[i]);
    }
    require(whole.replies.size() == pieces.replies.size(), "as many replies however the bytes come");
    require(whole.records == pieces.records, "the same records however the bytes come");
    return 0;
}
