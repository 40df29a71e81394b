#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/activity/timestamp.h"
#include "schemas/wire/consumer.h"
#include "workers/loop/batch.h"

namespace activity::workers {

/// A partition that is ours.
struct Owned {
    wire::TopicPartition partition;
    std::int64_t epoch = 0;
    std::int64_t stored = 0;    ///< next offset that PostgreSQL has
    std::int64_t sealed = 0;    ///< and that it will have once the batch is in that is on its way
    std::int64_t position = 0;  ///< next offset that we take from Kafka
    std::string held;           ///< why it can't be read; empty if it can
    bool idle = false;          ///< nothing in it is ours to read for now
    std::optional<Timestamp> due = std::nullopt;  ///< its next record is not to be taken before
};

/// The partitions of one loop, and how far each is. One thread.
class Assignment {
  public:
    void set(std::vector<Owned> owned) {
        owned_ = std::move(owned);
        last_ = 0;
    }
    void clear() { set({}); }

    /// nullptr if it is not ours. Records come in runs of one partition, so the last answer is tried first.
    Owned* find(std::string_view topic, std::int32_t partition) {
        const auto is_it = [&](const Owned& owned) {
            return owned.partition.partition == partition && owned.partition.topic == topic;
        };
        if (last_ < owned_.size() && is_it(owned_[last_])) return &owned_[last_];
        const auto found = std::ranges::find_if(owned_, is_it);
        if (found == owned_.end()) return nullptr;
        last_ = static_cast<std::size_t>(found - owned_.begin());
        return &*found;
    }

    std::vector<Owned>& all() { return owned_; }
    const std::vector<Owned>& all() const { return owned_; }

    /// What a batch of everything that was taken since the last one moves.
    std::vector<Advance> seal() {
        std::vector<Advance> moves;
        for (auto& owned : owned_) {
            if (owned.position == owned.sealed) continue;
            moves.push_back({owned.partition, owned.epoch, owned.sealed, owned.position});
            owned.sealed = owned.position;
        }
        std::ranges::sort(moves, {}, &Advance::partition);
        return moves;
    }

    /// Where to read on.
    std::vector<wire::PartitionOffset> positions() const {
        std::vector<wire::PartitionOffset> offsets;
        for (const auto& owned : owned_) {
            if (owned.held.empty() && !owned.idle && !owned.due)
                offsets.push_back({owned.partition, owned.position});
        }
        return offsets;
    }

    /// Whether a partition that waited for its next record to be due can be read on.
    bool wake(Timestamp now) {
        bool any = false;
        for (auto& owned : owned_) {
            if (!owned.due || *owned.due > now) continue;
            owned.due.reset();
            any = true;
        }
        return any;
    }

    void stored(const std::vector<Advance>& moves) {
        for (const auto& move : moves) {
            if (Owned* owned = find(move.partition.topic, move.partition.partition)) owned->stored = move.to;
        }
    }

    /// "live-class[3] …; …", empty if all is well.
    std::string held() const {
        std::string text;
        for (const auto& owned : owned_) {
            if (owned.held.empty()) continue;
            if (!text.empty()) text += "; ";
            text +=
                owned.partition.topic + "[" + std::to_string(owned.partition.partition) + "] " + owned.held;
        }
        return text;
    }

  private:
    std::vector<Owned> owned_;
    std::size_t last_ = 0;
};

}  // namespace activity::workers
