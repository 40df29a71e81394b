#include "deploy/stack/harness/kafka_server.h"

#include <csignal>
#include <stdexcept>

#include "deploy/stack/harness/kafka_view.h"
#include "deploy/stack/harness/wait.h"

namespace activity::harness {

KafkaServer::KafkaServer() : KafkaServer(free_port(), {}) {
    start();
}

KafkaServer::KafkaServer(std::uint16_t controller_port, std::vector<std::string> arguments)
    : port_(free_port()), controller_port_(controller_port), arguments_(std::move(arguments)) {}

void KafkaServer::start() {
    launch();
    wait_until_it_answers();
}

void KafkaServer::launch() {
    std::vector<std::string> arguments{ACTIVITY_SOURCE_DIR "/deploy/stack/kafka",
                                       "run",
                                       "--dir",
                                       directory_.path() / "node",
                                       "--port",
                                       std::to_string(port_),
                                       "--controller-port",
                                       std::to_string(controller_port_),
                                       "--heap",
                                       "256m"};
    arguments.insert(arguments.end(), arguments_.begin(), arguments_.end());
    process_ = std::make_unique<Process>(
        Process::Command{std::move(arguments), {}, directory_.path() / "kafka.log"});
}

void KafkaServer::wait_until_it_answers() {
    // One of a cluster waits for the others, too.
    const auto timeout = arguments_.empty() ? patience : 3 * patience;
    wait_until(
        "Kafka answers on " + bootstrap(),
        [&] {
            if (!process_->running()) throw std::logic_error("Kafka has ended:\n" + process_->output());
            return kafka_answers(bootstrap());
        },
        timeout);
}

std::string KafkaServer::listen_also_on(const std::string& host) {
    const std::string address = host + ":" + std::to_string(free_port());
    arguments_ = {"--also-listen", address};
    kill();
    start();
    return address;
}

void KafkaServer::kill() {
    process_->kill();
}
void KafkaServer::freeze() {
    process_->signal(SIGSTOP);
}
void KafkaServer::thaw() {
    process_->signal(SIGCONT);
}

KafkaCluster::KafkaCluster() {
    constexpr std::size_t size = 3;
    std::vector<std::uint16_t> controllers;
    std::string quorum;
    for (std::size_t i = 0; i < size; ++i) {
        controllers.push_back(free_port());
        quorum +=
            (i == 0 ? "" : ",") + std::to_string(i + 1) + "@127.0.0.1:" + std::to_string(controllers.back());
    }
    for (std::size_t i = 0; i < size; ++i) {
        nodes_.push_back(std::make_unique<KafkaServer>(
            controllers[i], std::vector<std::string>{"--node", std::to_string(i + 1), "--quorum", quorum,
                                                     "--cluster-id", "ActivityTestCluster123"}));
        nodes_.back()->launch();
    }
    for (const auto& node : nodes_) node->wait_until_it_answers();
}

std::string KafkaCluster::bootstrap() const {
    std::string all;
    for (const auto& node : nodes_) all += (all.empty() ? "" : ",") + node->bootstrap();
    return all;
}

}  // namespace activity::harness
