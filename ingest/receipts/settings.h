#pragma once

#include <string>

#include "ingest/receipts/endpoint.h"
#include "ingest/receipts/event_store.h"
#include "ingest/receipts/record_search.h"
#include "schemas/service/log.h"
#include "schemas/service/settings.h"

namespace activity::receipts {

struct Settings {
    service::LogSettings log;
    EndpointSettings endpoint;
    service::Address admin;
    std::string sources;    ///< path
    std::string catalogue;  ///< path
    std::string topic_prefix;
    PostgresSettings postgres;
    SearchSettings search;  ///< its event topics are not set
};

/// Mistakes are left in `reader`.
Settings read_settings(service::SettingsReader& reader);

}  // namespace activity::receipts
