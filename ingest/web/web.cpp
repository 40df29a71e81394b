#include "ingest/web/web.h"

#include <algorithm>
#include <array>

#include "ingest/web/web_files.h"

namespace activity::ingest {
namespace {

/// The page runs its own script and nothing else, and talks to this server alone.
constexpr std::string_view docs_headers =
    "Cache-Control: no-cache\r\n"
    "Content-Security-Policy: default-src 'none'; connect-src 'self'; img-src 'self' data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Content-Type-Options: nosniff\r\n";

constexpr std::string_view openapi_headers =
    "Cache-Control: no-cache\r\n"
    "Access-Control-Allow-Origin: *\r\n"
    "X-Content-Type-Options: nosniff\r\n";

/// The path holds the version, so what is behind it never changes; any page may load it and check its hash.
constexpr std::string_view client_headers =
    "Cache-Control: public, max-age=31536000, immutable\r\n"
    "Access-Control-Allow-Origin: *\r\n"
    "Cross-Origin-Resource-Policy: cross-origin\r\n"
    "X-Content-Type-Options: nosniff\r\n";

/// Made at the first call: its texts are constants of another file.
const std::array<Page, 3>& pages() {
    static const std::array<Page, 3> all{{
        {"/docs", "text/html; charset=utf-8", web_file::docs_html, docs_headers},
        {"/openapi.json", "application/json", web_file::openapi_json, openapi_headers},
        {"/activity/1.0.0/activity.js", "text/javascript; charset=utf-8", web_file::activity_min_js,
         client_headers},
    }};
    return all;
}

}  // namespace

const Page* find_page(std::string_view path) {
    const auto* page =
        std::find_if(pages().begin(), pages().end(), [path](const Page& one) { return one.path == path; });
    return page == pages().end() ? nullptr : page;
}

Reply page_reply(const Page& page) {
    Reply reply;
    reply.content_type = page.content_type;
    reply.headers = page.headers;
    reply.body = page.content;
    return reply;
}

}  // namespace activity::ingest
