#include "ingest/dialects/redaction.h"

namespace activity::ingest {
namespace {

using simdjson::dom::element_type;

constexpr std::size_t bytes_max = 4'000;
constexpr std::size_t name_bytes_max = 100;

void append(std::string& out, json::Element value);

// The three call each other, no deeper than a document may be nested.
void append_object(std::string& out, const json::Object& object) {  // NOLINT(misc-no-recursion)
    out += '{';
    bool first = true;
    for (const auto member : object) {
        if (!first) out += ',';
        first = false;
        if (out.size() > bytes_max) {
            out += R"("…":"cut off")";
            break;
        }
        json::append_string(out, json::cut(member.key, name_bytes_max));
        out += ':';
        append(out, member.value);
    }
    out += '}';
}

void append_array(std::string& out, const json::Array& array) {  // NOLINT(misc-no-recursion)
    out += '[';
    bool first = true;
    for (const json::Element item : array) {
        if (!first) out += ',';
        first = false;
        if (out.size() > bytes_max) {
            out += R"("cut off")";
            break;
        }
        append(out, item);
    }
    out += ']';
}

void append(std::string& out, json::Element value) {  // NOLINT(misc-no-recursion)
    switch (value.type()) {
        case element_type::OBJECT: return append_object(out, value.get_object().value_unsafe());
        case element_type::ARRAY: return append_array(out, value.get_array().value_unsafe());
        case element_type::STRING:
            out += "\"string(" + std::to_string(value.get_string().value_unsafe().size()) + ")\"";
            return;
        case element_type::BOOL: out += "\"boolean\""; return;
        case element_type::NULL_VALUE: out += "null"; return;
        default: out += "\"number\""; return;
    }
}

}  // namespace

std::string redacted(json::Element event) {
    std::string out;
    json::Object object;
    if (event.get(object)) {
        append(out, event);
        return out;
    }
    out += '{';
    for (const auto member : object) {
        if (out.size() > 1) out += ',';
        if (out.size() > bytes_max) {
            out += R"("…":"cut off")";
            break;
        }
        json::append_string(out, json::cut(member.key, name_bytes_max));
        out += ':';
        std::string_view kind;
        if ((member.key == "type" || member.key == "event") && !member.value.get(kind)) {
            json::append_string(out, json::cut(kind, name_bytes_max));
        } else {
            append(out, member.value);
        }
    }
    out += '}';
    return out;
}

}  // namespace activity::ingest
