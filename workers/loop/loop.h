#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "schemas/activity/event.h"
#include "schemas/wire/consumer.h"
#include "workers/groups/group.h"
#include "workers/loop/assignment.h"
#include "workers/loop/backoff.h"
#include "workers/loop/batch_writer.h"
#include "workers/loop/metrics.h"
#include "workers/loop/status.h"
#include "workers/loop/sync_publisher.h"
#include "workers/store/store.h"

namespace activity::workers {

/// A lane beside the group's own loop: it reads a partition only while the group is far behind there, and
/// then from the newest record on. Both claim each message in the same set, so it is applied by the one that
/// comes first.
struct NewestLane {
    std::string main_group_id;
    std::int64_t behind_records = 50'000;  ///< what "far" is
};

struct LoopSettings {
    wire::ConsumerSettings consumer;
    std::vector<std::string> topics;  ///< with prefix
    std::string dead_letter_topic;    ///< with prefix
    Retries retries;
    bool waits = false;  ///< its topics hold retries: none is taken before it is due
    std::optional<NewestLane> newest_lane;
    BatchLimits batch;
};

/// Poll, add, store, advance: one consumer, one store; and one thread, but for the batch that is
/// being stored while the next one fills.
///
/// The offsets are PostgreSQL's. When Kafka assigns partitions, the loop claims them there and reads from
/// where they stand; a batch moves them in its own transaction, or is dropped. So whatever breaks, the worst
/// that can happen is to read again.
class Loop {
  public:
    /// `on_joined` is called once, on the loop's thread, when it has its first assignment.
    Loop(const LoopSettings& settings, const Group& group, const Catalogue& catalogue, Store& store,
         SyncPublisher& publisher, Metrics& metrics, Status& status, std::function<void()> on_joined);

    /// Until `stop`. Then it stores what it has or drops it, and leaves the group.
    /// Throws wire::Failure if the consumer can never work again.
    void run(const std::atomic<bool>& stop);

  private:
    using Clock = std::chrono::steady_clock;

    /// While a server is away: nothing is fetched, a batch stays in hand, the group still hears from us.
    struct Stall {
        std::string why;
        Clock::time_point retry_at;
    };

    void on(wire::Nothing) {}
    void on(wire::InboundRecord record);
    void on(const wire::Assigned& assigned);
    void on(const wire::Revoked& revoked);
    void on(const wire::PollFailure& failure);

    std::chrono::milliseconds patience() const;
    bool batch_full() const;
    bool batch_due() const;
    void store_batch();
    void hold_back();
    void go_on_from_hold();
    void store_all();
    void store_last();
    void seal();
    void settle();
    void act_on(const Written& written);
    void advance(Batch& batch, const Stored& stored);
    void note_conflicts(const Batch& batch, Conflicts conflicts);
    void on_fenced(const std::vector<PartitionState>& now);
    void look_for_moves();
    void start_over(bool newer_owner);
    bool is_in(const std::vector<PartitionState>& now) const;

    void claim();
    std::vector<Owned> claimed();
    void keep_to_newest(std::vector<Owned>& owned,
                        const std::vector<std::optional<wire::Watermarks>>& watermarks);
    void set_assignment(std::vector<Owned> owned);
    void fetch() { consumer_.assign(assignment_.positions()); }
    void give_up_partitions();
    bool is_gap(const Owned& owned, std::int64_t offset);
    void finish();

    void stall(const std::string& why, std::optional<std::chrono::milliseconds> wait = std::nullopt);
    void go_on();
    void end_stall();
    void tend();
    void show_lag();
    void note_kafka(bool reachable);

    LoopSettings settings_;
    const Group& group_;
    Store& store_;
    Metrics& metrics_;
    Status& status_;
    std::function<void()> on_joined_;

    wire::Consumer consumer_;
    EventReader reader_;
    // After consumer_: their records die first. And the writer's thread before them.
    std::unique_ptr<Batch> filling_;  ///< takes what comes
    std::unique_ptr<Batch> storing_;  ///< is on its way to PostgreSQL, or waits to be; else empty
    BatchWriter writer_;
    Clock::time_point batch_began_;
    Assignment assignment_;
    std::vector<wire::TopicPartition> assigned_;  ///< by Kafka, claimed or not
    bool claim_due_ = false;
    std::optional<Stall> stall_;
    bool held_back_ = false;  ///< nothing is fetched until the batch that is being stored is settled
    Backoff backoff_;
    bool kafka_reachable_ = true;
    std::optional<wire::PartitionOffset> gap_;  ///< where Kafka's offsets jumped; looked at twice
    Clock::time_point tended_at_;
    Clock::time_point looked_at_;                   ///< when the partitions were claimed last
    std::optional<Clock::time_point> pause_began_;  ///< of a rebalance
};

}  // namespace activity::workers
