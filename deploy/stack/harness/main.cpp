// The main function of every integration test: starts the servers once, and sees to it that nothing stays
// behind.

#include <gtest/gtest.h>
#include <csignal>
#include <future>
#include <memory>
#include <stdexcept>

#include "deploy/stack/harness/guardian.h"
#include "deploy/stack/harness/pipeline.h"

namespace activity::harness {
namespace {

std::unique_ptr<Servers> running;

class ServersOfAllTests : public ::testing::Environment {
  public:
    void SetUp() override { running = std::make_unique<Servers>(); }
    void TearDown() override { running.reset(); }
};

}  // namespace

Servers& servers() {
    if (!running) throw std::logic_error("the servers do not run");
    return *running;
}

}  // namespace activity::harness

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    activity::harness::Guardian::start();
    ::testing::InitGoogleTest(&argc, argv);
    ::testing::AddGlobalTestEnvironment(new activity::harness::ServersOfAllTests);
    return RUN_ALL_TESTS();
}
