// The query of an address: its parameters, and the event that a tracking pixel's query is.
// A body that is made is a JSON object of texts, in which every parameter is where its name says.

#include <algorithm>

#include "ingest/dialects/query.h"
#include "ingest/fuzz/check.h"

namespace {

using namespace activity;
using ingest::Query;
using ingest::fuzz::require;

constexpr std::size_t levels_max = 9;

void require_texts(json::Element value, std::string_view body, std::size_t levels = 0) {
    require(levels <= levels_max, "no more levels than a name may make", body);
    json::Object object;
    if (value.get(object)) {
        require(value.is_string(), "a body holds objects and texts", body);
        return;
    }
    for (const auto member : object) require_texts(member.value, body, levels + 1);
}

void require_parameter(json::Element value, std::string_view name, std::string_view wanted,
                       std::string_view body) {
    const bool is_anonymous_id = name == "anonymousId";
    for (;;) {
        const std::size_t dot = name.find('.');
        json::Object object;
        bool found = !value.get(object);
        if (found) {
            found = false;
            for (const auto member : object) {
                if (member.key != name.substr(0, dot)) continue;
                value = member.value;
                found = true;
                break;
            }
        }
        require(found, "each parameter is a member", body);
        if (dot == std::string_view::npos) break;
        name.remove_prefix(dot + 1);
    }
    std::string_view text;
    require(!value.get(text), "each parameter is a text", body);
    if (is_anonymous_id && wanted.size() >= 2 && wanted.front() == '"' && wanted.back() == '"')
        wanted = wanted.substr(1, wanted.size() - 2);
    require(text == wanted, "each parameter's value is its member's", body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static json::Reader reader;
    const std::string_view text = ingest::fuzz::text_of(data, size);
    const std::string decoded = ingest::percent_decode(text, false);
    require(decoded.size() <= text.size(), "decoding makes nothing longer", text);
    require(text.find('%') != std::string_view::npos || decoded == text, "only escapes are decoded", text);

    const Query query(text);
    require(query.parameters().size() <= text.size(), "no parameter out of nothing", text);
    const auto made = ingest::pixel_body(query);
    if (const auto* rejection = std::get_if<Rejection>(&made)) {
        require(!rejection->message.empty(), "a rejection says the rule");
        require(simdjson::validate_utf8(rejection->field), "a field is UTF-8: it stands in a reply",
                rejection->field);
        return 0;
    }
    const auto& body = std::get<std::string>(made);
    // A control character is six, a level {"":}, and a parameter "":"", besides its texts.
    require(body.size() <= 2 + 16 * text.size(), "a body of the query's size", body);
    const json::Element root = ingest::fuzz::require_json(reader, body, "a body is JSON");
    require(root.is_object(), "a body is an object", body);
    require_texts(root, body);
    for (const auto& [name, value] : query.parameters()) {
        if (name.empty() || name == "writeKey") continue;
        require_parameter(root, name, *query.find(name), body);
    }
    return 0;
}
