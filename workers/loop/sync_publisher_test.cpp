#include "workers/loop/sync_publisher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "schemas/wire/failure.h"

namespace activity::workers {
namespace {

/// Keeps what is published; reports it from a thread of its own, as the real one does.
class FakePublisher final : public wire::Publisher {
  public:
    FakePublisher(SyncPublisher::OnDelivered on_delivered, bool persisted, std::size_t room)
        : on_delivered_(std::move(on_delivered)), persisted_(persisted), room_(room) {}
    ~FakePublisher() override {
        for (auto& thread : threads_) thread.join();
    }

    wire::Enqueued publish(const wire::Record& record, wire::Ticket ticket) override {
        if (record.value == "large") return wire::Enqueued::too_large;
        const std::lock_guard lock(mutex_);
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
    SyncPublisher::OnDelivered on_delivered_;
    bool persisted_;
    std::size_t room_;
    std::atomic<std::size_t> waiting_{0};
    std::mutex mutex_;
    std::vector<std::thread> threads_;
};

struct Fixture {
    explicit Fixture(bool persisted = true, std::size_t room = 1'000)
        : out([this, persisted, room](SyncPublisher::OnDelivered on_delivered) {
              auto made = std::make_unique<FakePublisher>(std::move(on_delivered), persisted, room);
              publisher = made.get();
              return made;
          }) {}
    FakePublisher* publisher = nullptr;
    SyncPublisher out;
};

std::vector<wire::Record> records(std::size_t count) {
    return {count, wire::Record{"t", "k", {}, "v"}};
}

TEST(SyncPublisherTest, MakesNoPublisherUntilItIsNeeded) {
    const Fixture fixture;
    EXPECT_EQ(fixture.publisher, nullptr);
}

TEST(SyncPublisherTest, WaitsForAllReports) {
    Fixture fixture;
    fixture.out.deliver(records(50));
    EXPECT_EQ(fixture.publisher->published, 50U);
}

TEST(SyncPublisherTest, WaitsForRoom) {
    Fixture fixture(true, 1);
    fixture.out.deliver(records(20));
    EXPECT_EQ(fixture.publisher->published, 20U);
}

TEST(SyncPublisherTest, WaitsForRoomThatOthersTake) {
    Fixture fixture(true, 2);
    fixture.out.deliver(records(1));
    std::vector<std::jthread> loops;
    for (int i = 0; i < 4; ++i)
        loops.emplace_back([&] { EXPECT_NO_THROW(fixture.out.deliver(records(50))); });
    loops.clear();
    EXPECT_EQ(fixture.publisher->published, 201U);
}

TEST(SyncPublisherTest, FailsIfOneIsNotDelivered) {
    Fixture fixture(false);
    try {
        fixture.out.deliver(records(3));
        FAIL();
    } catch (const wire::Failure& failure) {
        EXPECT_EQ(failure.disposition(), wire::Disposition::retry);
        EXPECT_NE(std::string(failure.what()).find("BROKEN"), std::string::npos);
    }
}

TEST(SyncPublisherTest, FailsIfOneIsTooLarge) {
    Fixture fixture;
    auto all = records(3);
    all[1].value = "large";
    EXPECT_THROW(fixture.out.deliver(all), wire::Failure);
}

}  // namespace
}  // namespace activity::workers
