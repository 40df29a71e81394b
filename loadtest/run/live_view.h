#pragma once

#include <string>

#include "loadtest/run/run.h"

namespace activity::loadtest {

/// What goes on, on stderr: one line that is written over where stderr is a terminal, otherwise a line every
/// ten seconds. One thread.
class LiveView {
  public:
    LiveView();
    /// Ends the line.
    ~LiveView();
    LiveView(const LiveView&) = delete;
    LiveView& operator=(const LiveView&) = delete;

    void show(const Progress& progress);
    /// A line of its own, which stays.
    void say(const std::string& text);

  private:
    void clear();

    const bool terminal_;
    bool on_screen_ = false;
    double shown_s_ = -1;
    std::string phase_;
};

/// `10x  0:42 of 2:00  offered 15,012/s  acknowledged 15,003/s  p50 0.9 ms  p99 8.1 ms  errors 0/s  lag 120`
std::string progress_text(const Progress& progress);

}  // namespace activity::loadtest
