#pragma once

#include <string_view>

#include "ingest/server/http.h"

namespace activity::ingest {

/// A file that is part of the program: made by CMake of the files in this folder.
struct Page {
    std::string_view path;
    std::string_view content_type;
    std::string_view content;
    std::string_view headers;  ///< further header lines, each ending in CRLF
};

/// nullptr if there is none at this path.
const Page* find_page(std::string_view path);

Reply page_reply(const Page& page);

}  // namespace activity::ingest
