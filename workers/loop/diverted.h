#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "schemas/activity/timestamp.h"
#include "schemas/wire/consumer.h"
#include "schemas/wire/record.h"
#include "workers/loop/batch.h"

namespace activity::workers {

/// How often the record was tried before: 0 when it comes from the front door.
int attempts(const wire::InboundRecord& record);

/// When a retry is due; nothing if at once.
std::optional<Timestamp> not_before(const wire::InboundRecord& record);

/// A record that can't be applied, as it goes to the dead-letter topic: key, value and headers as they came,
/// `attempt` as high as it is now, and headers that say why and where from. Origin topic, partition and
/// offset name it for ever: a dead letter that a crash made us send twice is recognised by them.
wire::Record dead_letter(const wire::InboundRecord& record, std::string topic, std::string_view group,
                         const Why& why);

/// The same for a record that is put off until `due`.
wire::Record retry(const wire::InboundRecord& record, std::string topic, const Why& why, Timestamp due);

}  // namespace activity::workers
