#include "deploy/activityctl/start_position.h"

#include <charconv>

#include "deploy/activityctl/context.h"

namespace activity::ctl {

StartPosition parse_start_position(const std::string& text) {
    if (text == "beginning") return FromBeginning{};
    if (text == "end") return FromEnd{};
    std::int64_t offset = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), offset);
    if (error == std::errc{} && end == text.data() + text.size() && offset >= 0) return FromOffset{offset};
    if (const auto time = parse_timestamp(text)) return FromTime{*time};
    throw UsageError(
        "--from must be beginning, end, a time such as 2026-11-21T14:28:00Z, or an offset; it is '" + text +
        "'");
}

}  // namespace activity::ctl
