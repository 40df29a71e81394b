#include "schemas/wire/consumer.h"

#include <gtest/gtest.h>

#include <map>

#include "schemas/wire/failure.h"
#include "schemas/wire/test_cluster.h"

namespace activity::wire {
namespace {

using namespace std::chrono_literals;

class ConsumerTest : public ::testing::Test {
  protected:
    ConsumerTest() { cluster_.create_topic("events", 2); }

    std::unique_ptr<Consumer> member() {
        ConsumerSettings settings;
        settings.cluster.bootstrap = cluster_.bootstrap();
        settings.group = "group";
        settings.session_timeout = 6s;
        auto consumer = std::make_unique<Consumer>(settings);
        consumer->subscribe({"events"});
        return consumer;
    }

    /// The next thing of that kind; fails the test if it does not come.
    template <typename Kind>
    static Kind next(Consumer& consumer) {
        for (int tries = 0; tries < 300; ++tries) {
            auto polled = consumer.poll(100ms);
            if (auto* found = std::get_if<Kind>(&polled)) return std::move(*found);
        }
        throw std::runtime_error("it did not come");
    }

    static std::vector<PartitionOffset> from_start(const Assigned& assigned) {
        std::vector<PartitionOffset> offsets;
        for (const auto& partition : assigned.partitions) offsets.push_back({partition, 0});
        return offsets;
    }

    TestCluster cluster_;
};

TEST_F(ConsumerTest, GivesRecordsAsTheyWereSent) {
    const Record sent{
        "events", "web/u1", {{"message-id", "m1"}, {"empty", ""}, {"message-id", "m2"}}, "{\"a\":1}"};
    cluster_.produce({sent});
    const auto consumer = member();
    consumer->assign(from_start(next<Assigned>(*consumer)));
    const auto record = next<InboundRecord>(*consumer);
    EXPECT_EQ(record.topic(), "events");
    EXPECT_EQ(record.key(), sent.key);
    EXPECT_EQ(record.value(), sent.value);
    EXPECT_EQ(record.headers(), sent.headers);
    EXPECT_EQ(record.header("message-id"), "m2");
    EXPECT_EQ(record.header("empty"), "");
    EXPECT_FALSE(record.header("none"));
    EXPECT_EQ(record.offset(), 0);
}

TEST_F(ConsumerTest, ReadsNothingUntilAssignmentIsAnswered) {
    cluster_.produce({{"events", "k", {}, "v"}});
    const auto consumer = member();
    const auto assigned = next<Assigned>(*consumer);
    EXPECT_EQ(assigned.partitions.size(), 2U);
    consumer->assign({});
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(std::holds_alternative<Nothing>(consumer->poll(100ms)));
    consumer->assign(from_start(assigned));
    EXPECT_EQ(next<InboundRecord>(*consumer).value(), "v");
}

TEST_F(ConsumerTest, AssigningAgainReadsAgain) {
    cluster_.produce({{"events", "k", {}, "v"}});
    const auto consumer = member();
    const auto offsets = from_start(next<Assigned>(*consumer));
    consumer->assign(offsets);
    EXPECT_EQ(next<InboundRecord>(*consumer).value(), "v");
    consumer->assign(offsets);
    EXPECT_EQ(next<InboundRecord>(*consumer).value(), "v");
}

TEST_F(ConsumerTest, TellsOldestAndNextOffset) {
    cluster_.produce({{"events", "k", {}, "1"}, {"events", "k", {}, "2"}});
    const auto consumer = member();
    const auto assigned = next<Assigned>(*consumer);
    const auto watermarks = consumer->watermarks(assigned.partitions, 5s);
    ASSERT_EQ(watermarks.size(), 2U);
    ASSERT_TRUE(watermarks[0] && watermarks[1]);
    EXPECT_EQ(watermarks[0]->next + watermarks[1]->next, 2);
    EXPECT_EQ(watermarks[0]->oldest + watermarks[1]->oldest, 0);
}

TEST_F(ConsumerTest, ClosesWithAnUnansweredAssignment) {
    const auto consumer = member();
    next<Assigned>(*consumer);
    consumer->close();
}

TEST_F(ConsumerTest, ClosesWithPartitions) {
    const auto consumer = member();
    consumer->assign(from_start(next<Assigned>(*consumer)));
    consumer->close();
}

TEST_F(ConsumerTest, ClosesBeforeItHasJoined) {
    member()->close();
}

TEST_F(ConsumerTest, RevokesWhenAnotherJoins) {
    const auto first = member();
    first->assign(from_start(next<Assigned>(*first)));
    const auto second = member();
    std::optional<Revoked> revoked;
    std::map<const Consumer*, std::size_t> partitions;
    // The group may settle in more than one rebalance: the first revocation and the last assignment count.
    const auto settled = [&] { return partitions[first.get()] == 1 && partitions[second.get()] == 1; };
    for (int tries = 0; tries < 300 && !settled(); ++tries) {
        for (const auto* consumer : {&first, &second}) {
            auto polled = (*consumer)->poll(50ms);
            if (auto* gone = std::get_if<Revoked>(&polled)) {
                if (!revoked) revoked = std::move(*gone);
                partitions.erase(consumer->get());
                (*consumer)->unassign();
            } else if (auto* assigned = std::get_if<Assigned>(&polled)) {
                partitions[consumer->get()] = assigned->partitions.size();
                (*consumer)->assign(from_start(*assigned));
            }
        }
    }
    ASSERT_TRUE(revoked);
    EXPECT_EQ(revoked->partitions.size(), 2U);
    EXPECT_FALSE(revoked->lost);
    EXPECT_EQ(partitions[first.get()], 1U);
    EXPECT_EQ(partitions[second.get()], 1U);
}

TEST_F(ConsumerTest, AnOffsetThatKafkaDoesNotHaveIsAnError) {
    const auto consumer = member();
    auto offsets = from_start(next<Assigned>(*consumer));
    for (auto& offset : offsets) offset.offset = 1'000;
    consumer->assign(offsets);
    const auto failure = next<PollFailure>(*consumer);
    EXPECT_TRUE(failure.offset_out_of_range) << failure.what;
    EXPECT_EQ(failure.partition.topic, "events");
}

TEST(ConsumerSettingsTest, UnknownOptionIsNamed) {
    ConsumerSettings settings;
    settings.cluster = {"127.0.0.1:1", {{"no.such.option", "1"}}};
    settings.group = "group";
    try {
        const Consumer consumer(settings);
        FAIL();
    } catch (const Failure& failure) {
        EXPECT_NE(std::string(failure.what()).find("no.such.option"), std::string::npos);
        EXPECT_EQ(failure.disposition(), Disposition::fatal);
    }
}

}  // namespace
}  // namespace activity::wire
