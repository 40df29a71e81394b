#include "deploy/activityctl/progress.h"

#include <unistd.h>
#include <algorithm>
#include <iostream>

namespace activity::ctl {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr int bar_characters = 20;
constexpr auto quiet_for = 1s;
constexpr auto redraw_interval = 100ms;
constexpr auto line_interval = 10s;
/// Goes to the line's start and clears it.
constexpr const char* clear_line = "\r\x1b[K";

}  // namespace

std::string grouped(std::int64_t number) {
    const std::string digits = std::to_string(number);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        const bool between_digits = i > 0 && digits[i - 1] != '-';
        if (between_digits && (digits.size() - i) % 3 == 0) text += ',';
        text += digits[i];
    }
    return text;
}

std::string counted(std::int64_t number, const std::string& singular) {
    return grouped(number) + " " + singular + (number == 1 ? "" : "s");
}

std::string duration_text(milliseconds duration) {
    const auto seconds = duration.count() / 1000;
    const auto two = [](std::int64_t large, const char* large_unit, std::int64_t small,
                        const char* small_unit) {
        std::string text = std::to_string(large);
        text += large_unit;
        if (small > 0) text.append(" ").append(std::to_string(small)).append(small_unit);
        return text;
    };
    if (duration < 1s) return std::to_string(duration.count()) + " ms";
    if (seconds < 60) return std::to_string(seconds) + " s";
    if (seconds < 3'600) return two(seconds / 60, " min", seconds % 60, " s");
    if (seconds < 48 * 3'600) return two(seconds / 3'600, " h", seconds % 3'600 / 60, " min");
    return two(seconds / 86'400, " d", seconds % 86'400 / 3'600, " h");
}

std::string progress_text(const std::string& doing, const std::string& unit, std::int64_t done,
                          std::optional<std::int64_t> total, bool estimated, milliseconds passed) {
    std::string text = doing + "  ";
    const double rate =
        passed > 0ms ? static_cast<double>(done) * 1000.0 / static_cast<double>(passed.count()) : 0;
    if (!total || *total <= 0) {
        text += grouped(done) + " " + unit;
    } else {
        // A guess that was too small does not claim to be through.
        const double limit = estimated ? 0.99 : 1.0;
        const double part = std::min(static_cast<double>(done) / static_cast<double>(*total), limit);
        const int full = static_cast<int>(part * bar_characters);
        text += "[";
        for (int i = 0; i < bar_characters; ++i) text += i < full ? "#" : "·";
        text += "]  " + std::to_string(static_cast<int>(part * 100)) + " %  " + grouped(done) + " of " +
                (estimated ? "about " : "") + grouped(*total) + " " + unit;
    }
    if (rate >= 1) text += "  " + grouped(static_cast<std::int64_t>(rate)) + "/s";
    if (total && *total > done && rate >= 1) {
        const auto left = static_cast<std::int64_t>(static_cast<double>(*total - done) / rate * 1000.0);
        if (left >= 1000) text += "  " + duration_text(milliseconds(left)) + " left";
    }
    return text;
}

Progress::Progress(std::string doing, std::string unit, std::optional<std::int64_t> total, bool estimated)
    : doing_(std::move(doing)),
      unit_(std::move(unit)),
      total_(total),
      estimated_(estimated),
      terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
    if (on_screen_) std::cerr << clear_line << std::flush;
}

void Progress::add(std::int64_t count) {
    done_ += count;
    const auto now = Clock::now();
    if (now - began_ < quiet_for) return;
    if (now - shown_ >= (terminal_ ? Clock::duration(redraw_interval) : Clock::duration(line_interval)))
        show(now);
}

void Progress::show(Clock::time_point now) {
    shown_ = now;
    const auto text = progress_text(doing_, unit_, done_, total_, estimated_,
                                    std::chrono::duration_cast<milliseconds>(now - began_));
    if (terminal_) {
        std::cerr << clear_line << text << std::flush;
        on_screen_ = true;
    } else {
        std::cerr << text << '\n' << std::flush;
    }
}

}  // namespace activity::ctl
