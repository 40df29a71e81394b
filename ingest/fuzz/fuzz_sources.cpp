// The text of sources.toml. What is taken is written and read back equal; what is not, is told why.

#include "ingest/fuzz/check.h"
#include "schemas/sources/sources.h"

namespace {

using namespace activity;
using ingest::fuzz::require;

void require_equal(const Source& a, const Source& b, const std::string& written) {
    require(a.name == b.name && a.enabled == b.enabled, "name and enabled", written);
    require(a.keys.size() == b.keys.size(), "keys", written);
    for (std::size_t i = 0; i < a.keys.size(); ++i) {
        require(a.keys[i].hash == b.keys[i].hash, "sha256", written);
        require(a.keys[i].created == b.keys[i].created, "created", written);
        require(a.keys[i].expires == b.keys[i].expires, "expires", written);
    }
    require(a.origins == b.origins, "origins", written);
    require(a.events_per_second == b.events_per_second && a.burst_events == b.burst_events, "rate", written);
    require(a.schema == b.schema && a.time_window == b.time_window, "schema and time_window", written);
    require(a.drop.size() == b.drop.size(), "drop", written);
    for (std::size_t i = 0; i < a.drop.size(); ++i) {
        require(a.drop[i].activity == b.drop[i].activity, "drop: activity", written);
        require(a.drop[i].keep == b.drop[i].keep, "drop: keep", written);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::optional<Sources> sources;
    try {
        sources = Sources::parse(ingest::fuzz::text_of(data, size), "fuzz");
    } catch (const SourcesError& error) {
        require(std::string_view(error.what()).starts_with("fuzz: "), "a mistake names its file",
                error.what());
        return 0;
    }
    require(!sources->all().empty(), "no file is good without a source");
    const std::string written = sources->toml();
    std::optional<Sources> again;
    try {
        again = Sources::parse(written, "fuzz");
    } catch (const SourcesError& error) {
        require(false, error.what(), written);
    }
    require(again->all().size() == sources->all().size(), "as many sources", written);
    for (std::size_t i = 0; i < again->all().size(); ++i)
        require_equal(sources->all()[i], again->all()[i], written);
    require(again->toml() == written, "what was read back is written the same", written);
    for (const Source& source : sources->all()) {
        for (const std::string& rule : source.origins) {
            lists_origin(source, rule);
            require(rule == "*" || rule.find('*') != std::string::npos || lists_origin(source, rule),
                    "an origin without a star lists itself", rule);
        }
    }
    sources->find("web-key", Timestamp{});
    return 0;
}
