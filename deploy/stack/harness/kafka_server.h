#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "deploy/stack/harness/directory.h"
#include "deploy/stack/harness/process.h"

namespace activity::harness {

/// One real Kafka node, run by deploy/stack/kafka on ports and in a directory of its own.
class KafkaServer {
  public:
    /// Starts it and waits until it answers.
    KafkaServer();

    std::string bootstrap() const { return "127.0.0.1:" + std::to_string(port_); }

    /// Kafka ends as a crashed one does (kill -9); its data stay. A clean end takes seconds and proves less.
    void kill();
    /// Again on the same ports and data; waits until it answers.
    void start();
    /// SIGSTOP and SIGCONT: connections stay open and nobody answers.
    void freeze();
    void thaw();

  private:
    Directory directory_{"kafka"};
    std::uint16_t port_;
    std::uint16_t controller_port_;
    std::unique_ptr<Process> process_;
};

}  // namespace activity::harness
