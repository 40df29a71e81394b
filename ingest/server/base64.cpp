#include "ingest/server/base64.h"

#include <openssl/evp.h>
#include <vector>

namespace activity::ingest {

std::optional<std::string> decode_base64(std::string_view text) {
    while (text.ends_with('=')) text.remove_suffix(1);
    std::string padded(text);
    padded.append((4 - padded.size() % 4) % 4, '=');
    std::string out(padded.size() / 4 * 3, '\0');
    const int bytes = ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                        reinterpret_cast<const unsigned char*>(padded.data()),
                                        static_cast<int>(padded.size()));
    if (bytes < 0) return std::nullopt;
    out.resize(text.size() * 3 / 4);
    return out;
}

}  // namespace activity::ingest
