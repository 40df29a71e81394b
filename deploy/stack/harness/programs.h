#pragma once

#include <map>
#include <memory>
#include <string>

#include "deploy/stack/harness/http.h"
#include "deploy/stack/harness/process.h"

namespace activity::harness {

/// Of a program that this build made.
std::string program_path(const std::string& name);
std::string activityctl_program();
std::string ingest_program();
std::string worker_program();

/// A program of ours that runs: its process and its admin endpoint.
class Program {
  public:
    /// Starts it and waits for its "ready" line.
    Program(const std::string& name, const Process::Command& command);
    /// Starts it without waiting: for one that can't become ready yet.
    static Program unready(const std::string& name, const Process::Command& command);

    Process& process() { return process_; }
    const Process& process() const { return process_; }
    /// Waits for the "ready" line and reads its addresses.
    void wait_ready();
    /// Value of a field of the "ready" line.
    Endpoint address(const std::string& field) const;

    bool is_ready() const;
    bool is_live() const;
    /// Sum of a metric's values over its labels, of the series whose labels hold `label_part`; 0 if there is
    /// none.
    double metric(const std::string& name, const std::string& label_part = "") const;
    /// Lines of its log with this message.
    std::size_t logged(const std::string& message) const;

  private:
    Program(Process process, std::string name) : process_(std::move(process)), name_(std::move(name)) {}

    Process process_;
    std::string name_;
    std::map<std::string, std::string> ready_;
};

}  // namespace activity::harness
