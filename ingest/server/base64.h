#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace activity::ingest {

/// Decodes base64 (RFC 4648, section 4), with or without padding. Nothing if it is not base64.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace activity::ingest
