#pragma once

#include "schemas/service/settings.h"
#include "schemas/wire/client_options.h"

namespace activity::wire {

/// ACTIVITY_KAFKA_OPTIONS, which every program has; a mistake in it is reported with the others.
ClientOptions read_client_options(service::SettingsReader& reader);

}  // namespace activity::wire
