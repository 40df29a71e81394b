// Workers join and leave while learners go on: nothing is lost or doubled, and each learner's order holds.

#include <gtest/gtest.h>
#include <atomic>
#include <csignal>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"
#include "workers/tests/answers.h"

namespace activity {
namespace {

using harness::Exit;
using harness::Ledger;
using harness::Load;
using harness::Pipeline;
using harness::Program;

/// Looks at the rows again and again while workers come and go. Each learner's events are numbered without
/// gaps in the order of sending, so whoever has n rows must have the numbers 0 to n − 1, at every moment: a
/// later event is never there before an earlier one. And no partition's offset ever goes back.
class OrderWatch {
  public:
    explicit OrderWatch(const Pipeline& pipeline)
        : session_(pipeline.session()), thread_([this] {
              while (!stopping_) look();
          }) {}
    ~OrderWatch() { stop(); }
    OrderWatch(const OrderWatch&) = delete;
    OrderWatch& operator=(const OrderWatch&) = delete;

    void stop() {
        stopping_ = true;
        if (thread_.joinable()) thread_.join();
    }
    int looks() const { return looks_; }

  private:
    void look() {
        const auto gaps = session_.query(
            "SELECT user_id, count(*), max((properties->>'sequence')::bigint) FROM activity.event GROUP BY "
            "user_id "
            "HAVING count(*) <> max((properties->>'sequence')::bigint) + 1 LIMIT 3");
        for (const auto& row : gaps)
            ADD_FAILURE() << row[0].c_str() << " has " << row[1].c_str() << " rows, but already number "
                          << row[2].c_str();
        for (const auto& row :
             session_.query("SELECT grp, topic, part, next_offset, epoch FROM activity.part_offset")) {
            auto& last = last_[{row[0].as<std::string>(), row[1].as<std::string>(), row[2].as<int>()}];
            const std::pair now{row[3].as<std::int64_t>(), row[4].as<std::int64_t>()};
            EXPECT_GE(now.first, last.first) << "an offset went back";
            EXPECT_GE(now.second, last.second) << "an epoch went back";
            last = now;
        }
        if (!gaps.empty()) stopping_ = true;  // once is enough
        ++looks_;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }

    harness::Session session_;
    using GroupsPartition = std::tuple<std::string, std::string, int>;
    std::map<GroupsPartition, std::pair<std::int64_t, std::int64_t>> last_;
    std::atomic<bool> stopping_{false};
    std::atomic<int> looks_{0};
    std::thread thread_;
};

void expect_order_in_kafka(Pipeline& pipeline, const std::string& topic) {
    std::map<std::string, int> partition_of;
    std::map<std::string, int> next;
    for (const auto& record : pipeline.kafka().read(topic)) {
        const std::string& key = record.key.value();
        const auto [known, is_new] = partition_of.try_emplace(key, record.at.partition);
        EXPECT_EQ(known->second, record.at.partition) << key << " is in two partitions";
        const std::size_t at = record.value->find("\"sequence\":");
        ASSERT_NE(at, std::string::npos);
        const int sequence = std::atoi(record.value->c_str() + at + 11);
        ASSERT_EQ(sequence, next[key]++) << key << " is out of order in Kafka";
    }
    std::set<int> partitions;
    for (const auto& [key, partition] : partition_of) partitions.insert(partition);
    EXPECT_EQ(partitions.size(), 8u) << "the learners do not spread over the partitions";
}

TEST(RebalanceTest, workers_join_and_leave_under_load) {
    Pipeline pipeline;
    Ledger ledger;
    const auto ingest = pipeline.start_ingest();
    const harness::Environment settings{{"ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", "3000"}};
    const auto start = [&](int threads) { return pipeline.start_worker(settings, threads, "all"); };
    std::optional<Program> first = start(1);

    OrderWatch watch(pipeline);
    Load load(pipeline.ingest(), ledger,
              {.events_per_request = 5, .requests_per_second = 150, .one_topic = true});
    const auto progress_from_here = [&] {
        const std::int64_t before = pipeline.progress();
        harness::wait_until("the workers go on", [&] { return pipeline.progress() > before + 200; });
    };
    std::optional<Program> second, third;
    for (int round = 0; round < 3; ++round) {
        second.emplace(start(1));
        progress_from_here();
        third.emplace(start(2));
        progress_from_here();
        // One leaves as it should, one just dies, and the one that was there all the time is replaced at
        // last.
        EXPECT_EQ(second->process().stop(SIGTERM, std::chrono::seconds(30)), (Exit{0, 0}));
        progress_from_here();
        third->process().kill();
        progress_from_here();
    }
    second.emplace(start(1));
    EXPECT_EQ(first->process().stop(SIGTERM, std::chrono::seconds(30)), (Exit{0, 0}));
    progress_from_here();
    load.stop();

    harness::expect_ledger_holds(pipeline, ledger);
    testing_workers::expect_answers_hold(pipeline);
    EXPECT_EQ(ledger.count(harness::Outcome::acknowledged), ledger.size());
    watch.stop();
    EXPECT_GT(watch.looks(), 20);
    expect_order_in_kafka(pipeline, pipeline.topic("live-class"));
}

/// Eight partitions, more workers than that: the rest stay idle, and take over when they are needed.
TEST(RebalanceTest, idle_workers_take_over) {
    Pipeline pipeline;
    Ledger ledger;
    const auto ingest = pipeline.start_ingest();
    auto busy = pipeline.start_worker({}, 4);
    auto idle = pipeline.start_worker({}, 8);
    {
        Load load(pipeline.ingest(), ledger, {.requests_per_second = 100});
        const std::int64_t before = pipeline.progress();
        harness::wait_until("the workers store", [&] { return pipeline.progress() > before + 50; });
        EXPECT_EQ(busy.process().stop(SIGTERM, std::chrono::seconds(30)), (Exit{0, 0}));
        const std::int64_t after = pipeline.progress();
        harness::wait_until("the others go on", [&] { return pipeline.progress() > after + 50; });
    }
    harness::expect_ledger_holds(pipeline, ledger);
}

/// From one worker to eight and back, each with a name of its own, while learners go on. What a rebalance
/// costs is printed, not judged: the machine may be busy.
TEST(RebalanceTest, scales_from_one_to_eight_and_back) {
    Pipeline pipeline;
    Ledger ledger;
    const auto ingest = pipeline.start_ingest();
    const auto start = [&](int number) {
        return pipeline.start_worker({{"ACTIVITY_KAFKA_INSTANCE_ID", "worker-" + std::to_string(number)},
                                      {"ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", "6000"}});
    };
    std::vector<Program> workers;
    workers.push_back(start(0));
    OrderWatch watch(pipeline);
    Load load(pipeline.ingest(), ledger,
              {.events_per_request = 5, .requests_per_second = 100, .one_topic = true});
    const auto progress_from_here = [&] {
        const std::int64_t before = pipeline.progress();
        harness::wait_until("the workers go on", [&] { return pipeline.progress() > before + 200; });
    };
    double pauses = 0, paused_s = 0;
    const auto note = [&](const Program& worker) {
        pauses += worker.metric("activity_worker_rebalance_pause_seconds_count");
        paused_s += worker.metric("activity_worker_rebalance_pause_seconds_sum");
    };
    for (int number = 1; number < 8; ++number) {
        workers.push_back(start(number));
        progress_from_here();
    }
    EXPECT_EQ(pipeline.kafka().members(pipeline.group()), 8u);
    // One that has a name comes back to its own partitions, and nobody else notices.
    const double rebalances = workers[0].metric("activity_worker_rebalances_total");
    workers[7].process().kill();
    workers[7] = start(7);
    progress_from_here();
    EXPECT_EQ(workers[0].metric("activity_worker_rebalances_total"), rebalances);
    while (workers.size() > 1) {
        note(workers.back());
        EXPECT_EQ(workers.back().process().stop(SIGTERM, std::chrono::seconds(30)), (Exit{0, 0}));
        workers.pop_back();
        progress_from_here();
    }
    note(workers.front());
    load.stop();
    harness::expect_ledger_holds(pipeline, ledger);
    watch.stop();
    EXPECT_GT(pauses, 7);
    std::cout << "rebalances: " << pauses << ", mean pause " << paused_s / pauses * 1'000 << " ms\n";
}

}  // namespace
}  // namespace activity
