#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "deploy/stack/harness/directory.h"
#include "deploy/stack/harness/process.h"

namespace activity::harness {

/// One real Kafka node, run by deploy/stack/kafka on ports and in a directory of its own.
class KafkaServer {
  public:
    /// Starts it alone and waits until it answers.
    KafkaServer();
    /// One of a cluster, not started yet. `arguments` are what deploy/stack/kafka needs to know of that.
    KafkaServer(std::uint16_t controller_port, std::vector<std::string> arguments);

    std::string bootstrap() const { return "127.0.0.1:" + std::to_string(port_); }

    /// Kafka ends as a crashed one does (kill -9); its data stay. A clean end takes seconds and proves less.
    void kill();
    /// Again on the same ports and data; waits until it answers.
    void start();
    /// In parts, for several at once.
    void launch();
    void wait_until_it_answers();
    /// Starts it again with one more address; what clients there bootstrap from.
    std::string listen_also_on(const std::string& host);
    /// SIGSTOP and SIGCONT: connections stay open and nobody answers.
    void freeze();
    void thaw();

  private:
    Directory directory_{"kafka"};
    std::uint16_t port_;
    std::uint16_t controller_port_;
    std::vector<std::string> arguments_;
    std::unique_ptr<Process> process_;
};

/// Three nodes, each broker and controller, with three replicas of everything.
class KafkaCluster {
  public:
    /// Starts them and waits until all answer.
    KafkaCluster();
    std::string bootstrap() const;
    /// Counted from 0; its ID in Kafka is one more.
    KafkaServer& node(std::size_t number) { return *nodes_.at(number); }

  private:
    std::vector<std::unique_ptr<KafkaServer>> nodes_;
};

}  // namespace activity::harness
