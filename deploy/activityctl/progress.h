#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace activity::ctl {

/// How far something long is, on stderr: a bar that is written over where stderr is a terminal, otherwise a
/// line every ten seconds. Nothing at all for what is over within a second. One thread.
class Progress {
  public:
    /// `unit` in the plural: "events". Without a total there is a number and a rate, but no bar. `estimated`:
    /// the total is a guess, and 100 % is said only at the end.
    Progress(std::string doing, std::string unit, std::optional<std::int64_t> total = std::nullopt,
             bool estimated = false);
    /// Clears the bar's line.
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void add(std::int64_t count);
    std::int64_t done() const { return done_; }

  private:
    using Clock = std::chrono::steady_clock;

    void show(Clock::time_point now);

    const std::string doing_;
    const std::string unit_;
    const std::optional<std::int64_t> total_;
    const bool estimated_;
    const bool terminal_;
    const Clock::time_point began_ = Clock::now();
    Clock::time_point shown_ = began_;
    bool on_screen_ = false;
    std::int64_t done_ = 0;
};

/// `exporting  [#####·····]  50 %  1,000 of 2,000 events  500/s  2 s left`
std::string progress_text(const std::string& doing, const std::string& unit, std::int64_t done,
                          std::optional<std::int64_t> total, bool estimated,
                          std::chrono::milliseconds passed);

/// `1,234,567`: for people.
std::string grouped(std::int64_t number);

/// `1 record`, `1,234 records`.
std::string counted(std::int64_t number, const std::string& singular);

/// `250 ms`, `42 s`, `3 min 20 s`, `2 h 5 min`, `7 d 3 h`.
std::string duration_text(std::chrono::milliseconds duration);

}  // namespace activity::ctl
