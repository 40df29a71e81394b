#include "ingest/routes.h"

#include <algorithm>
#include <array>

#include "ingest/web/web.h"

namespace activity::ingest {
namespace {

constexpr SegmentCall one(EventType type) {
    return {false, type};
}
constexpr SegmentCall batch{true, EventType::track};

struct Place {
    std::string_view path;
    Route route;
};

/// The most asked for first. The letters are the browser SDK's.
constexpr std::array<Place, 25> places{{
    {"/v1/batch", {Endpoint::events, batch, {}}},
    {"/v1/track", {Endpoint::events, one(EventType::track), {}}},
    {"/v1/t", {Endpoint::events, one(EventType::track), {}}},
    {"/v1/b", {Endpoint::events, batch, {}}},
    {"/v1/page", {Endpoint::events, one(EventType::page), {}}},
    {"/v1/p", {Endpoint::events, one(EventType::page), {}}},
    {"/v1/screen", {Endpoint::events, one(EventType::screen), {}}},
    {"/v1/s", {Endpoint::events, one(EventType::screen), {}}},
    {"/v1/identify", {Endpoint::events, one(EventType::identify), {}}},
    {"/v1/i", {Endpoint::events, one(EventType::identify), {}}},
    {"/v1/group", {Endpoint::events, one(EventType::group), {}}},
    {"/v1/g", {Endpoint::events, one(EventType::group), {}}},
    {"/v1/alias", {Endpoint::events, one(EventType::alias), {}}},
    {"/v1/a", {Endpoint::events, one(EventType::alias), {}}},
    {"/v1/merge", {Endpoint::events, one(EventType::merge), {}}},
    {"/v1/import", {Endpoint::events, batch, {}}},
    {"/beacon/v1/batch", {Endpoint::events, batch, {}}},
    {"/pixel/v1/track", {Endpoint::pixel, one(EventType::track), {}}},
    {"/pixel/v1/page", {Endpoint::pixel, one(EventType::page), {}}},
    {"/v1/m", {Endpoint::sdk_metrics, {}, {}}},
    {"/m", {Endpoint::sdk_metrics, {}, {}}},
    {"/sourceConfig", {Endpoint::source_config, {}, {}}},
    {"/health", {Endpoint::health, {}, {}}},
    {"/docs", {Endpoint::page, {}, {}}},
    {"/openapi.json", {Endpoint::page, {}, {}}},
}};

constexpr std::string_view settings_before = "/v1/projects/";
constexpr std::string_view settings_after = "/settings";

}  // namespace

std::optional<Route> route_of(std::string_view path) {
    // SDKs of other vendors that speak this dialect end their addresses with a slash.
    if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    const auto* place =
        std::find_if(places.begin(), places.end(), [path](const Place& p) { return p.path == path; });
    if (place != places.end()) return place->route;
    if (path.starts_with(settings_before) && path.ends_with(settings_after) &&
        path.size() > settings_before.size() + settings_after.size()) {
        path.remove_prefix(settings_before.size());
        path.remove_suffix(settings_after.size());
        return Route{Endpoint::sdk_settings, {}, path};
    }
    if (find_page(path) != nullptr) return Route{Endpoint::page, {}, {}};
    return std::nullopt;
}

bool allows(Endpoint endpoint, Method method) {
    const bool takes_events = endpoint == Endpoint::events || endpoint == Endpoint::sdk_metrics;
    return takes_events ? method == Method::post : method == Method::get || method == Method::head;
}

std::string_view allowed_methods(Endpoint endpoint) {
    return allows(endpoint, Method::post) ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
}

}  // namespace activity::ingest
