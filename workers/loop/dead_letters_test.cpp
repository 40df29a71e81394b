#include "workers/loop/dead_letters.h"

#include <gtest/gtest.h>

#include <thread>

#include "schemas/wire/failure.h"
#include "schemas/wire/test_cluster.h"

namespace activity::workers {
namespace {

/// Keeps what is published; reports it from a thread of its own, as the real one does.
class FakePublisher final : public wire::Publisher {
  public:
    FakePublisher(Outbox::OnDelivered on_delivered, bool persisted, std::size_t room)
        : on_delivered_(std::move(on_delivered)), persisted_(persisted), room_(room) {}
    ~FakePublisher() override {
        for (auto& thread : threads_) thread.join();
    }

    wire::Enqueued publish(const wire::Record& record, wire::Ticket ticket) override {
        if (record.value == "large") return wire::Enqueued::too_large;
        if (waiting_ >= room_) return wire::Enqueued::queue_full;
        ++waiting_;
        ++published;
        threads_.emplace_back([this, ticket] {
            const wire::DeliveryReport report{ticket, persisted_, persisted_ ? "" : "BROKEN"};
            --waiting_;
            on_delivered_(std::span(&report, 1));
        });
        return wire::Enqueued::queued;
    }

    std::atomic<std::size_t> published{0};

  private:
    Outbox::OnDelivered on_delivered_;
    bool persisted_;
    std::size_t room_;
    std::atomic<std::size_t> waiting_{0};
    std::vector<std::thread> threads_;
};

struct Fixture {
    explicit Fixture(bool persisted = true, std::size_t room = 1'000)
        : outbox([this, persisted, room](Outbox::OnDelivered on_delivered) {
              auto made = std::make_unique<FakePublisher>(std::move(on_delivered), persisted, room);
              publisher = made.get();
              return made;
          }) {}
    FakePublisher* publisher = nullptr;
    Outbox outbox;
};

std::vector<wire::Record> records(std::size_t count) {
    return {count, wire::Record{"t", "k", {}, "v"}};
}

TEST(OutboxTest, MakesNoPublisherUntilItIsNeeded) {
    const Fixture fixture;
    EXPECT_EQ(fixture.publisher, nullptr);
}

TEST(OutboxTest, WaitsForAllReports) {
    Fixture fixture;
    fixture.outbox.deliver(records(50));
    EXPECT_EQ(fixture.publisher->published, 50U);
}

TEST(OutboxTest, WaitsForRoom) {
    Fixture fixture(true, 1);
    fixture.outbox.deliver(records(20));
    EXPECT_EQ(fixture.publisher->published, 20U);
}

TEST(OutboxTest, FailsIfOneIsNotDelivered) {
    Fixture fixture(false);
    try {
        fixture.outbox.deliver(records(3));
        FAIL();
    } catch (const wire::Failure& failure) {
        EXPECT_EQ(failure.disposition(), wire::Disposition::retry);
        EXPECT_NE(std::string(failure.what()).find("BROKEN"), std::string::npos);
    }
}

TEST(OutboxTest, FailsIfOneIsTooLarge) {
    Fixture fixture;
    auto all = records(3);
    all[1].value = "large";
    EXPECT_THROW(fixture.outbox.deliver(all), wire::Failure);
}

TEST(DeadLetterTest, KeepsTheRecordAndSaysWhereFromAndWhy) {
    wire::TestCluster cluster;
    cluster.create_topic("activity.practice", 1);
    cluster.produce({{"activity.practice", "web/u", {{"message-id", "m"}}, "{bad"}});
    const auto inbound = cluster.read("activity.practice", 1);
    const auto letter =
        dead_letter(inbound[0], "activity.records.dead-letter", "records", "malformed_json", "why");
    EXPECT_EQ(letter.topic, "activity.records.dead-letter");
    EXPECT_EQ(letter.key, "web/u");
    EXPECT_EQ(letter.value, "{bad");
    ASSERT_EQ(letter.headers.size(), 8U);
    EXPECT_EQ(letter.headers[0], (std::pair<std::string, std::string>{"message-id", "m"}));
    EXPECT_EQ(letter.headers[1],
              (std::pair<std::string, std::string>{"dead-letter-reason", "malformed_json"}));
    EXPECT_EQ(letter.headers[2], (std::pair<std::string, std::string>{"dead-letter-detail", "why"}));
    EXPECT_EQ(letter.headers[3], (std::pair<std::string, std::string>{"dead-letter-group", "records"}));
    EXPECT_EQ(letter.headers[4],
              (std::pair<std::string, std::string>{"dead-letter-topic", "activity.practice"}));
    EXPECT_EQ(letter.headers[5], (std::pair<std::string, std::string>{"dead-letter-partition", "0"}));
    EXPECT_EQ(letter.headers[6], (std::pair<std::string, std::string>{"dead-letter-offset", "0"}));
    EXPECT_EQ(letter.headers[7].first, "dead-letter-at");
}

}  // namespace
}  // namespace activity::workers
