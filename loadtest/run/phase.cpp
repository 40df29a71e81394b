#include "loadtest/run/phase.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <stdexcept>

#include "loadtest/stats/grouped.h"

namespace activity::loadtest {
namespace {

/// The generator may be that late for one request in a hundred, and that busy, before it is suspected of
/// being what is slow. Its lateness is in the latencies in any case.
constexpr std::uint64_t lateness_max_us = 20'000;
constexpr double busy_max = 0.95;
/// Of what was offered and good, so much must have been acknowledged.
constexpr double acknowledged_min = 0.999;

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts(1);
    for (const char c : text) c == at ? parts.emplace_back() : parts.back() += c;
    return parts;
}

double number(const std::string& text, const std::string& name, const std::string& phase) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value <= 0 || value > 1e7)
        throw std::invalid_argument("phase '" + phase + "': " + name + " '" + text +
                                    "' is not a number above 0, up to 10,000,000");
    return value;
}

std::string text_of(const char* format, double a, double b = 0) {
    char text[160];
    std::snprintf(text, sizeof text, format, a, b);
    return text;
}

/// `10 min`, `30 s`
std::string length_of(double seconds) {
    const auto whole = std::llround(seconds);
    return whole >= 120 && whole % 60 == 0 ? std::to_string(whole / 60) + " min"
                                           : std::to_string(whole) + " s";
}

}  // namespace

Phase parse_phase(const std::string& text) {
    const auto fail = [&](const std::string& rule) {
        throw std::invalid_argument("phase '" + text + "': " + rule);
    };
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) fail("is not NAME=SHAPE:RATE[:RATE]:SECONDS");
    const auto parts = split(text.substr(equals + 1), ':');
    const std::string& shape = parts.front();
    const bool two = shape == "step" || shape == "ramp" || shape == "spike";
    if (!two && shape != "warm-up" && shape != "hold" && shape != "chaos" && shape != "school-day")
        fail("shape '" + shape + "' is none of warm-up, hold, chaos, step, ramp, spike, school-day");
    if (parts.size() != (two ? 4u : 3u))
        fail(shape + (two ? " takes two rates and the seconds" : " takes a rate and the seconds"));
    const double a = number(parts[1], "rate", text);
    const double b = two ? number(parts[2], "rate", text) : a;
    const Rate::Seconds length(number(parts.back(), "length in seconds", text));

    Phase phase;
    phase.name = text.substr(0, equals);
    phase.kind = shape;
    phase.latency_matters = shape != "chaos";
    if (shape == "step") {
        phase.rate = Rate::step(a, b, 0.1, length);
    } else if (shape == "ramp") {
        phase.rate = Rate::ramp(a, b, length);
    } else if (shape == "spike") {
        phase.rate = Rate::spike(a, b, length);
    } else if (shape == "school-day") {
        phase.rate = Rate::school_day(a, length);
    } else {
        phase.rate = Rate::constant(a, length);
    }
    return phase;
}

std::string PhaseResult::why_invalid() const {
    const auto late_us = tally.lateness.at_percentile(99);
    if (late_us > lateness_max_us)
        return text_of("the generator was late itself: %.0f ms for one request in a hundred (at most %.0f)",
                       static_cast<double>(late_us) / 1e3, static_cast<double>(lateness_max_us) / 1e3);
    const std::chrono::duration<double> cpu = tally.cpu, took = tally.took;
    const double busy = took.count() > 0 ? cpu.count() / took.count() / threads : 0;
    if (busy > busy_max)
        return text_of("the generator's threads were busy for %.0f %% of the time", busy * 100);
    return "";
}

std::string PhaseResult::why_not() const {
    const auto& counts = tally.counts;
    if (counts.offered == 0) return "nothing was offered";
    if (counts.refused_unexpected > 0)
        return std::to_string(counts.refused_unexpected) + " good events were refused";
    if (counts.accepted_unexpected > 0)
        return std::to_string(counts.accepted_unexpected) + " bad events were accepted";
    if (counts.wrong > 0) return std::to_string(counts.wrong) + " answers did not fit what was asked";
    const auto good = static_cast<double>(counts.offered - counts.refused);
    const double share = static_cast<double>(counts.acknowledged) / good;
    if (good > 0 && share < acknowledged_min)
        return text_of("%.2f %% of the good events were acknowledged (at least %.1f)", share * 100,
                       acknowledged_min * 100);
    const double p99_ms = static_cast<double>(tally.latency.at_percentile(99)) / 1e3;
    if (p99_max_ms > 0 && p99_ms > p99_max_ms)
        return text_of("p99 %.0f ms (at most %.0f)", p99_ms, p99_max_ms);
    return "";
}

std::string sentence(const PhaseResult& phase) {
    if (const auto why = phase.why_invalid(); !why.empty()) return phase.name + " says nothing: " + why;
    if (const auto why = phase.why_not(); !why.empty()) return phase.name + " not held: " + why;
    return phase.name +
           " held: " + grouped(static_cast<std::uint64_t>(std::llround(phase.acknowledged_per_s))) +
           " events/s for " + length_of(phase.end_s - phase.begin_s) + ", p99 " +
           text_of("%.3g ms", static_cast<double>(phase.tally.latency.at_percentile(99)) / 1e3);
}

}  // namespace activity::loadtest
