#include "loadtest/run/live_view.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>

#include "loadtest/stats/grouped.h"

namespace activity::loadtest {
namespace {

constexpr double line_every_s = 10;

std::string clock_text(double seconds) {
    const auto whole = std::llround(std::max(0.0, seconds));
    char text[32];
    std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
    return text;
}

std::string ms_text(std::uint64_t us) {
    char text[32];
    std::snprintf(text, sizeof text, us < 100'000 ? "%.1f ms" : "%.0f ms", static_cast<double>(us) / 1e3);
    return text;
}

/// Columns of the terminal: a longer line would not be written over.
std::size_t columns() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string progress_text(const Progress& progress) {
    const Second& last = progress.last;
    std::string text = progress.phase + "  " + clock_text(progress.passed_s) + " of " +
                       clock_text(progress.length_s) + "  offered " + grouped(last.offered) +
                       "/s  acknowledged " + grouped(last.acknowledged) + "/s  p50 " + ms_text(last.p50_us) +
                       "  p99 " + ms_text(last.p99_us) + "  errors " + grouped(last.errors) + "/s";
    if (progress.lag)
        text += "  lag " + grouped(static_cast<std::uint64_t>(std::max<std::int64_t>(0, *progress.lag)));
    return text;
}

LiveView::LiveView() : terminal_(isatty(STDERR_FILENO) == 1) {}

LiveView::~LiveView() {
    clear();
}

void LiveView::show(const Progress& progress) {
    const auto text = progress_text(progress);
    if (terminal_) {
        std::cerr << "\r\033[K" << text.substr(0, columns() - 1) << std::flush;
        on_screen_ = true;
        return;
    }
    if (progress.phase == phase_ && progress.passed_s < shown_s_ + line_every_s) return;
    phase_ = progress.phase;
    shown_s_ = progress.passed_s;
    std::cerr << text << std::endl;
}

void LiveView::say(const std::string& text) {
    clear();
    std::cerr << text << std::endl;
}

void LiveView::clear() {
    if (on_screen_) std::cerr << "\r\033[K" << std::flush;
    on_screen_ = false;
}

}  // namespace activity::loadtest
