#include "ingest/dialects/sdk_settings.h"

#include "schemas/activity/json.h"

namespace activity::ingest {

std::string segment_settings(std::string_view write_key, std::string_view host, std::string_view protocol) {
    std::string out = R"({"integrations":{"Segment.io":{"apiKey":)";
    json::append_string(out, write_key);
    out += R"(,"apiHost":)";
    json::append_string(out, std::string(host) + "/v1");
    out += R"(,"protocol":)";
    json::append_string(out, protocol);
    out += R"(}},"metrics":{"sampleRate":0}})";
    return out;
}

std::string rudder_source_config(const Source& source) {
    std::string out = R"({"source":{"id":)";
    json::append_string(out, source.name);
    out += R"(,"name":)";
    json::append_string(out, source.name);
    out += source.enabled ? R"(,"enabled":true)" : R"(,"enabled":false)";
    out += R"(,"workspaceId":"activity","config":{"statsCollection":{"errors":{"enabled":false},)";
    out += R"("metrics":{"enabled":false}}},"destinations":[]},"updatedAt":"2026-01-01T00:00:00Z"})";
    return out;
}

}  // namespace activity::ingest
