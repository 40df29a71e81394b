#include "workers/loop/conflicts.h"

#include <tuple>
#include <variant>

namespace activity::workers {
namespace {

bool equal(json::Element a, json::Element b);

/// Whatever the order of the members. Canonical objects have each name once.
bool equal_objects(const json::Object& a, const json::Object& b) {  // NOLINT(misc-no-recursion)
    if (a.size() != b.size()) return false;
    for (const auto member : a) {
        json::Element other;
        if (b.at_key(member.key).get(other) || !equal(member.value, other)) return false;
    }
    return true;
}

bool equal_arrays(const json::Array& a, const json::Array& b) {  // NOLINT(misc-no-recursion)
    if (a.size() != b.size()) return false;
    auto other = b.begin();
    for (const json::Element item : a) {
        if (!equal(item, *other)) return false;
        ++other;
    }
    return true;
}

/// 1 and 1.0 are the same number, as they are for PostgreSQL's jsonb.
bool equal(json::Element a, json::Element b) {  // NOLINT(misc-no-recursion)
    using Type = simdjson::dom::element_type;
    if (a.type() == Type::DOUBLE || b.type() == Type::DOUBLE) {
        double x = 0;
        double y = 0;
        return !a.get(x) && !b.get(y) && x == y;
    }
    if (a.type() != b.type()) return false;
    switch (a.type()) {
        case Type::OBJECT: return equal_objects(json::Object(a), json::Object(b));
        case Type::ARRAY: return equal_arrays(json::Array(a), json::Array(b));
        case Type::STRING: return std::string_view(a) == std::string_view(b);
        case Type::INT64: return std::int64_t(a) == std::int64_t(b);
        case Type::UINT64: return std::uint64_t(a) == std::uint64_t(b);
        case Type::BOOL: return bool(a) == bool(b);
        case Type::NULL_VALUE:
        case Type::DOUBLE: break;
    }
    return true;
}

}  // namespace

bool PayloadComparison::same(const ActivityEvent& first, const ActivityEvent& again) {
    const auto said = [](const ActivityEvent& event) {
        return std::tie(event.type, event.activity, event.user_id, event.anonymous_id, event.source);
    };
    return said(first) == said(again) && same_json(first.properties, again.properties);
}

bool PayloadComparison::same_json(std::string_view first, std::string_view again) {
    if (first == again) return true;
    const auto a = first_reader_.read(first);
    const auto b = again_reader_.read(again);
    const auto* x = std::get_if<json::Element>(&a);
    const auto* y = std::get_if<json::Element>(&b);
    return x != nullptr && y != nullptr && equal(*x, *y);
}

}  // namespace activity::workers
