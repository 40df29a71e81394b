#pragma once

#include <optional>
#include <string_view>

#include "ingest/dialects/segment.h"
#include "ingest/server/http.h"
#include "ingest/web/web.h"

namespace activity::ingest {

/// What is behind an address.
enum class Endpoint {
    events,         ///< one event or a batch, in the body
    pixel,          ///< one event, in the query of an image's address
    sdk_metrics,    ///< what SDKs report of themselves
    sdk_settings,   ///< what Segment's browser SDK asks before it sends
    source_config,  ///< what RudderStack's browser SDK asks before it sends
    health,
    page,  ///< a file that is part of the program: documentation, OpenAPI, browser client
};

struct Route {
    Endpoint endpoint{};
    SegmentCall call;            ///< of events and pixel
    std::string_view parameter;  ///< the part of the path that varies: a write key
    const Page* page = nullptr;
};

/// What is at this path; nothing if nothing is. Views into `path`.
std::optional<Route> route_of(std::string_view path);

bool allows(Endpoint endpoint, Method method);
/// `POST, OPTIONS`: the header Allow.
std::string_view allowed_methods(Endpoint endpoint);

}  // namespace activity::ingest
