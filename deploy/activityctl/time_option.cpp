#include "deploy/activityctl/time_option.h"

#include <charconv>
#include <chrono>
#include <optional>

#include "deploy/activityctl/context.h"

namespace activity::ctl {
namespace {

using namespace std::chrono_literals;

std::optional<std::chrono::seconds> unit_of(char letter) {
    switch (letter) {
        case 's': return 1s;
        case 'm': return 1min;
        case 'h': return 1h;
        case 'd': return 24h;
        default: return std::nullopt;
    }
}

/// Nothing if it is no number with a unit behind it.
std::optional<Timestamp> ago(const std::string& text, Timestamp now) {
    if (text.empty()) return std::nullopt;
    const auto unit = unit_of(text.back());
    std::int64_t count = 0;
    const char* const end = text.data() + text.size() - 1;
    const auto [read, error] = std::from_chars(text.data(), end, count);
    if (!unit || error != std::errc{} || read != end || count < 0 || count > 10'000'000) return std::nullopt;
    return now - count * *unit;
}

}  // namespace

Timestamp parse_time_option(const std::string& option, const std::string& text, Timestamp now) {
    if (text == "now") return now;
    if (const auto time = parse_timestamp(text)) return *time;
    if (const auto day = parse_timestamp(text + "T00:00:00Z")) return *day;
    if (const auto time = ago(text, now)) return *time;
    throw UsageError(
        option +
        " must be a time such as 2026-11-21T14:28:00Z, a day such as 2026-11-21, or how long ago such as "
        "30m, 2h or 7d; it is '" +
        text + "'");
}

std::string time_to_the_second(Timestamp time) {
    auto text = format_timestamp(std::chrono::floor<std::chrono::seconds>(time));
    // format_timestamp() always writes the milliseconds.
    if (const auto point = text.find('.'); point != std::string::npos) text.resize(point);
    if (!text.ends_with('Z')) text += 'Z';
    return text;
}

}  // namespace activity::ctl
