#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "schemas/service/log.h"
#include "schemas/service/settings.h"
#include "schemas/wire/consumer.h"
#include "workers/loop/batch.h"

namespace activity::workers {

struct Settings {
    service::LogSettings log;
    service::Address admin;
    std::string catalogue;  ///< path
    std::string topic_prefix;
    std::string group_prefix;
    std::string postgres;             ///< secret
    wire::ConsumerSettings consumer;  ///< its group is not set
    BatchLimits batch;
    std::vector<std::chrono::milliseconds> retry_delays;  ///< wire::retry_tiers of them
    std::int64_t newest_lane_behind_records = 0;          ///< 0: no lane
};

/// Mistakes are left in `reader`.
Settings read_settings(service::SettingsReader& reader);

}  // namespace activity::workers
