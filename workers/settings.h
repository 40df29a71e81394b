#pragma once

#include <string>

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
};

/// Mistakes are left in `reader`.
Settings read_settings(service::SettingsReader& reader);

}  // namespace activity::workers
