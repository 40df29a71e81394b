#include "workers/groups/records/facets.h"

namespace activity::workers {
namespace {

/// Longer than any kind of device or name of a country.
constexpr std::size_t facet_bytes_max = 100;

void take(std::string& facet, std::optional<std::string_view> text) {
    if (text && text->size() <= facet_bytes_max) facet = *text;
}

}  // namespace

Facets FacetsReader::read(const Message& message) {
    Facets facets;
    const std::string& context = message.event.context;
    // Most contexts have neither, and canonical JSON writes a name in one way only: so look before parsing.
    if (context.find(R"("device":{)") != std::string::npos ||
        context.find(R"("location":{)") != std::string::npos) {
        const Properties said = reader_.read(context);
        take(facets.device, said.object("device").text("type"));
        take(facets.country, said.object("location").text("country"));
    }
    if (facets.device.empty() && message.activity == "device_used")
        take(facets.device, reader_.read(message.event.properties).text("kind"));
    if (facets.country.empty() && message.activity == "location_updated")
        take(facets.country, reader_.read(message.event.properties).text("country"));
    return facets;
}

}  // namespace activity::workers
