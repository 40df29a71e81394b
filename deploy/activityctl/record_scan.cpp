#include "deploy/activityctl/record_scan.h"

#include <unistd.h>
#include <algorithm>
#include <iostream>
#include <map>

#include "deploy/activityctl/terminal.h"
#include "schemas/wire/admin.h"

namespace activity::ctl {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

class Scan {
  public:
    Scan(const Context& context, const std::function<void(const wire::InboundRecord&)>& take)
        : context_(context), take_(take), consumer_(settings(context)) {}

    void run(const std::vector<OffsetRange>& ranges) {
        std::vector<wire::PartitionOffset> starts;
        for (const auto& range : ranges) {
            if (range.records() == 0) continue;
            open_[range.partition] = range.end;
            starts.push_back({range.partition, range.from});
        }
        if (!starts.empty()) consumer_.assign(starts);
        heard_ = steady_clock::now();
        while (!open_.empty()) {
            if (interrupted()) throw Interrupted("interrupted while reading Kafka");
            auto polled = consumer_.poll(100ms);
            std::visit([this](auto& event) { handle(event); }, polled);
        }
        consumer_.close();
    }

  private:
    static wire::ConsumerSettings settings(const Context& context) {
        wire::ConsumerSettings settings;
        settings.cluster = context.cluster();
        // librdkafka wants a name; nothing joins and nothing commits.
        settings.group = "activityctl-" + std::to_string(getpid());
        return settings;
    }

    void handle(const wire::InboundRecord& record) {
        heard_ = steady_clock::now();
        const auto range = open_.find({std::string(record.topic()), record.partition()});
        if (range == open_.end()) return;
        if (record.offset() < range->second) take_(record);
        if (record.offset() + 1 >= range->second) open_.erase(range);
    }

    void handle(const wire::Nothing&) {
        if (steady_clock::now() - heard_ > context_.timeout()) {
            const auto& [topic, partition] = open_.begin()->first;
            throw CommandError(
                "Kafka gave no more records within " + std::to_string(static_cast<int>(context_.timeout_s)) +
                " s, although " + topic + " [" + std::to_string(partition) +
                "] is not read to its end; is a broker down? ('activityctl topics describe' shows "
                "leaders; --timeout waits longer)");
        }
    }

    void handle(const wire::PollFailure& failure) {
        if (failure.fatal) throw CommandError(failure.what);
        if (!failure.offset_out_of_range) return;  // passes, or ends in silence
        const auto range = open_.find(failure.partition);
        if (range == open_.end()) return;
        const auto oldest = context_.admin().watermarks({failure.partition}).at(failure.partition).oldest;
        if (oldest >= range->second) {
            open_.erase(range);
        } else {
            consumer_.seek({failure.partition, oldest});
        }
    }

    void handle(const wire::Assigned&) {}
    void handle(const wire::Revoked&) {}

    const Context& context_;
    const std::function<void(const wire::InboundRecord&)>& take_;
    wire::Consumer consumer_;
    std::map<wire::TopicPartition, std::int64_t> open_;  ///< ends of what is not read yet
    steady_clock::time_point heard_;
};

}  // namespace

std::vector<OffsetRange> whole_topics(wire::Admin& admin, const std::vector<std::string>& topics) {
    std::vector<wire::TopicPartition> partitions;
    for (const auto& name : topics) {
        const auto topic = admin.describe_topic(name);
        if (!topic) continue;
        for (const auto& partition : topic->partitions) partitions.push_back({name, partition.partition});
    }
    std::vector<OffsetRange> ranges;
    for (const auto& [partition, marks] : admin.watermarks(partitions))
        ranges.push_back({partition, marks.oldest, marks.next});
    return ranges;
}

void scan(const Context& context, const std::vector<OffsetRange>& ranges,
          const std::function<void(const wire::InboundRecord&)>& take) {
    if (std::ranges::all_of(ranges, [](const auto& range) { return range.records() == 0; })) return;
    Scan(context, take).run(ranges);
}

}  // namespace activity::ctl
