#include "ingest/routes.h"

#include <algorithm>
#include <array>

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
constexpr std::array<Place, 23> places{{
    {"/v1/batch", {Endpoint::events, batch, {}, nullptr}},
    {"/v1/track", {Endpoint::events, one(EventType::track), {}, nullptr}},
    {"/v1/t", {Endpoint::events, one(EventType::track), {}, nullptr}},
    {"/v1/b", {Endpoint::events, batch, {}, nullptr}},
    {"/v1/page", {Endpoint::events, one(EventType::page), {}, nullptr}},
    {"/v1/p", {Endpoint::events, one(EventType::page), {}, nullptr}},
    {"/v1/screen", {Endpoint::events, one(EventType::screen), {}, nullptr}},
    {"/v1/s", {Endpoint::events, one(EventType::screen), {}, nullptr}},
    {"/v1/identify", {Endpoint::events, one(EventType::identify), {}, nullptr}},
    {"/v1/i", {Endpoint::events, one(EventType::identify), {}, nullptr}},
    {"/v1/group", {Endpoint::events, one(EventType::group), {}, nullptr}},
    {"/v1/g", {Endpoint::events, one(EventType::group), {}, nullptr}},
    {"/v1/alias", {Endpoint::events, one(EventType::alias), {}, nullptr}},
    {"/v1/a", {Endpoint::events, one(EventType::alias), {}, nullptr}},
    {"/v1/merge", {Endpoint::events, one(EventType::merge), {}, nullptr}},
    {"/v1/import", {Endpoint::events, batch, {}, nullptr}},
    {"/beacon/v1/batch", {Endpoint::events, batch, {}, nullptr}},
    {"/pixel/v1/track", {Endpoint::pixel, one(EventType::track), {}, nullptr}},
    {"/pixel/v1/page", {Endpoint::pixel, one(EventType::page), {}, nullptr}},
    {"/v1/m", {Endpoint::sdk_metrics, {}, {}, nullptr}},
    {"/m", {Endpoint::sdk_metrics, {}, {}, nullptr}},
    {"/sourceConfig", {Endpoint::source_config, {}, {}, nullptr}},
    {"/health", {Endpoint::health, {}, {}, nullptr}},
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
        return Route{Endpoint::sdk_settings, {}, path, nullptr};
    }
    if (const Page* page = find_page(path)) return Route{Endpoint::page, {}, {}, page};
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
