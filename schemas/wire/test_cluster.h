#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "schemas/wire/consumer.h"
#include "schemas/wire/record.h"

namespace activity::wire {

/// librdkafka's in-process cluster, for unit tests: enough of Kafka to produce and to consume in a group. It
/// keeps 5 MiB a partition and silently drops what is older; promises are tested against real servers.
class TestCluster {
  public:
    TestCluster();
    ~TestCluster();

    std::string bootstrap() const;
    void create_topic(const std::string& topic, int partitions);
    /// Waits until they are there.
    void produce(const std::vector<Record>& records);
    /// All that is in partition 0 of a topic, at least `count` records.
    /// They must die before the cluster does.
    std::vector<InboundRecord> read(const std::string& topic, std::size_t count);

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace activity::wire
