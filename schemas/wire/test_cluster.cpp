#include "schemas/wire/test_cluster.h"

#include <librdkafka/rdkafka.h>
// After rdkafka.h.
#include <librdkafka/rdkafka_mock.h>

#include <stdexcept>

#include "schemas/wire/kafka_handle.h"
#include "schemas/wire/producer.h"

namespace activity::wire {

using namespace std::chrono_literals;
using MockHandle = std::unique_ptr<rd_kafka_mock_cluster_t, Destroy<rd_kafka_mock_cluster_destroy>>;

class TestCluster::Impl {
  public:
    Impl()
        : client(new_client(RD_KAFKA_PRODUCER, ConfHandle(rd_kafka_conf_new()))),
          cluster(rd_kafka_mock_cluster_new(client.get(), 1)) {}

    ClientHandle client;
    MockHandle cluster;
    std::vector<std::unique_ptr<Consumer>> consumers;  ///< of read(): its records need them
};

TestCluster::TestCluster() : impl_(std::make_unique<Impl>()) {}
TestCluster::~TestCluster() = default;

std::string TestCluster::bootstrap() const {
    return rd_kafka_mock_cluster_bootstraps(impl_->cluster.get());
}

void TestCluster::create_topic(const std::string& topic, int partitions) {
    rd_kafka_mock_topic_create(impl_->cluster.get(), topic.c_str(), partitions, 1);
}

void TestCluster::produce(const std::vector<Record>& records) {
    ProducerSettings settings;
    settings.cluster.bootstrap = bootstrap();
    Producer producer(settings, [](std::span<const DeliveryReport>) {});
    for (const auto& record : records) producer.publish(record, 0);
    if (!producer.flush(10s)) throw std::runtime_error("the test cluster did not take the records");
}

std::vector<InboundRecord> TestCluster::read(const std::string& topic, std::size_t count) {
    ConsumerSettings settings;
    settings.cluster.bootstrap = bootstrap();
    settings.group = "test-" + std::to_string(impl_->consumers.size());
    settings.session_timeout = 6s;
    impl_->consumers.push_back(std::make_unique<Consumer>(settings));
    Consumer& consumer = *impl_->consumers.back();
    consumer.assign({{{topic, 0}, 0}});
    std::vector<InboundRecord> records;
    for (int tries = 0; tries < 200 && records.size() < count; ++tries) {
        auto polled = consumer.poll(100ms);
        if (auto* record = std::get_if<InboundRecord>(&polled)) records.push_back(std::move(*record));
    }
    if (records.size() < count) throw std::runtime_error("the test cluster did not give the records back");
    return records;
}

}  // namespace activity::wire
