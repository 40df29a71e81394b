#include "deploy/stack/harness/kafka_server.h"

#include <csignal>
#include <stdexcept>

#include "deploy/stack/harness/kafka_view.h"
#include "deploy/stack/harness/wait.h"

namespace activity::harness {

KafkaServer::KafkaServer() : port_(free_port()), controller_port_(free_port()) {
    start();
}

void KafkaServer::start() {
    process_ = std::make_unique<Process>(Process::Command{
        {ACTIVITY_SOURCE_DIR "/deploy/stack/kafka", "run", "--dir", directory_.path() / "node", "--port",
         std::to_string(port_), "--controller-port", std::to_string(controller_port_), "--heap", "256m"},
        {},
        directory_.path() / "kafka.log"});
    wait_until("Kafka answers on " + bootstrap(), [&] {
        if (!process_->running()) throw std::logic_error("Kafka has ended:\n" + process_->output());
        return kafka_answers(bootstrap());
    });
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

}  // namespace activity::harness
