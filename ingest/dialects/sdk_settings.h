#pragma once

#include <string>
#include <string_view>

#include "schemas/sources/source.h"

namespace activity::ingest {

/// What Segment's browser SDK asks before it sends: where to send to (this very server), and nothing else to
/// load. With its own metrics off, or it would post them to its vendor's host.
/// Source: @segment/analytics-next 1.84.3; `apiHost` is without scheme.
std::string segment_settings(std::string_view write_key, std::string_view host, std::string_view protocol);

/// What RudderStack's browser SDK asks before it sends: a source without destinations, so that it loads
/// nothing from elsewhere. Source: @rudderstack/analytics-js 3.34.1.
std::string rudder_source_config(const Source& source);

}  // namespace activity::ingest
