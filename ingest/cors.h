#pragma once

#include <string>
#include <string_view>

#include "ingest/server/http.h"
#include "ingest/sources/live_sources.h"

namespace activity::ingest {

/// The page that asks was served by this very server: its documentation.
bool is_own_origin(std::string_view origin, std::string_view host);

/// Whether a page of this origin may send for this source.
bool may_send(const Source& source, const Request& request);

/// Header lines that let the page's script read the answer. Which source a request is for is known late or
/// never (a preflight has no key), so every answer goes by whether any source takes the origin; whether
/// *this* source does is asked by may_send() before anything is taken. "" for a request of no page.
std::string cors_headers(const SourceTable& table, const Request& request);

/// The answer to OPTIONS: for a preflight with what it asks for, kept by the browser for a day.
Reply preflight_reply(const Request& request, std::string_view allowed_methods);

}  // namespace activity::ingest
