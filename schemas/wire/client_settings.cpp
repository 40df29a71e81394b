#include "schemas/wire/client_settings.h"

#include <stdexcept>

namespace activity::wire {

ClientOptions read_client_options(service::SettingsReader& reader) {
    try {
        return parse_client_options(
            reader.text("ACTIVITY_KAFKA_OPTIONS", "further librdkafka options, name=value;name=value", ""));
    } catch (const std::invalid_argument& error) {
        reader.mistake(std::string("ACTIVITY_KAFKA_OPTIONS: ") + error.what());
        return {};
    }
}

}  // namespace activity::wire
