#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "deploy/activityctl/context.h"
#include "schemas/wire/consumer.h"

namespace activity::ctl {

/// The records [from, end) of a partition.
struct OffsetRange {
    wire::TopicPartition partition;
    std::int64_t from = 0;
    std::int64_t end = 0;

    std::int64_t records() const { return from < end ? end - from : 0; }
};

/// All partitions of these topics, from their oldest record to their end of this moment. A topic that is not
/// there has none.
std::vector<OffsetRange> whole_topics(wire::Admin& admin, const std::vector<std::string>& topics);

/// Reads what the ranges name, each partition in its order, the partitions mixed, and leaves nothing behind
/// in Kafka. What is deleted meanwhile is passed over. Throws CommandError if Kafka falls silent before the
/// end; Interrupted after Ctrl-C.
void scan(const Context& context, const std::vector<OffsetRange>& ranges,
          const std::function<void(const wire::InboundRecord&)>& take);

/// Ctrl-C or SIGTERM came. main() ends with exit code 1.
class Interrupted : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

}  // namespace activity::ctl
