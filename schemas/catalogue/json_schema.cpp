#include "schemas/catalogue/json_schema.h"

#include <re2/re2.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace activity {
namespace {

using simdjson::dom::element_type;

/// The types of the draft; an integer is a number too.
enum Type : unsigned {
    type_null = 1,
    type_boolean = 2,
    type_object = 4,
    type_array = 8,
    type_number = 16,
    type_string = 32,
    type_integer = 64,
    type_any = 127,
};

constexpr std::array<std::pair<std::string_view, Type>, 7> type_names{{
    {"null", type_null},
    {"boolean", type_boolean},
    {"object", type_object},
    {"array", type_array},
    {"number", type_number},
    {"string", type_string},
    {"integer", type_integer},
}};

/// Bits that a value has: an integer those of integer and number.
unsigned types_of(json::Element value) {
    switch (value.type()) {
        case element_type::NULL_VALUE: return type_null;
        case element_type::BOOL: return type_boolean;
        case element_type::OBJECT: return type_object;
        case element_type::ARRAY: return type_array;
        case element_type::STRING: return type_string;
        case element_type::INT64:
        case element_type::UINT64: return type_number | type_integer;
        case element_type::DOUBLE: {
            const double number = value.get_double().value_unsafe();
            // 1.0 is an integer (draft 2020-12, validation, 6.1.1).
            return number == std::trunc(number) ? type_number | type_integer : type_number;
        }
    }
    return 0;
}

std::string number_text(double number) {
    std::string text = std::to_string(number);
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text;
}

std::string canonical(json::Element value) {
    std::string text;
    if (const auto rejection = json::append_checked(text, value)) throw JsonSchemaError(rejection->message);
    return text;
}

}  // namespace

class JsonSchema::Node {
  public:
    Node() = default;  ///< takes everything
    Node(json::Element schema, const std::string& path);
    std::optional<SchemaViolation> check(json::Element value) const;

  private:
    struct Property {
        std::string name;
        std::unique_ptr<Node> node;
        bool required = false;
    };
    /// A bit a property: enough for any event, and one comparison says whether all required ones are there.
    static constexpr std::size_t properties_max = 64;

    void read(const std::string& keyword, json::Element value, const std::string& place);
    void read_types(json::Element value, const std::string& place);
    void read_properties(json::Element value, const std::string& path);
    void read_required(json::Element value, const std::string& place);
    void read_values(json::Element value, const std::string& place);
    void read_pattern(json::Element value, const std::string& place);
    Property& property(std::string_view name, const std::string& place);

    std::optional<SchemaViolation> check_text(std::string_view text) const;
    std::optional<SchemaViolation> check_number(double number) const;
    std::optional<SchemaViolation> check_object(const json::Object& object) const;
    std::optional<SchemaViolation> check_array(const json::Array& array) const;
    std::string types_text() const;

    unsigned types_ = type_any;
    std::optional<std::size_t> characters_min_, characters_max_, items_min_, items_max_;
    std::optional<double> minimum_, maximum_, exclusive_minimum_, exclusive_maximum_;
    std::vector<std::string> values_;  ///< of enum or const, canonical; empty: any
    std::unique_ptr<RE2> pattern_;
    std::vector<Property> properties_;
    std::uint64_t required_ = 0;
    bool others_allowed_ = true;
    std::unique_ptr<Node> items_;
};

namespace {

std::size_t count_of(json::Element value, const std::string& place) {
    std::uint64_t number = 0;
    if (value.get(number)) throw JsonSchemaError(place + " must be a whole number from 0");
    return static_cast<std::size_t>(number);
}

double number_of(json::Element value, const std::string& place) {
    double number = 0;
    if (value.get(number)) throw JsonSchemaError(place + " must be a number");
    return number;
}

std::string_view text_of(json::Element value, const std::string& place) {
    std::string_view text;
    if (value.get(text)) throw JsonSchemaError(place + " must be a string");
    return text;
}

SchemaViolation violation(std::string message) {
    return {"", std::move(message)};
}

SchemaViolation below(std::string_view place, SchemaViolation found) {
    found.field = json::path(place, found.field);
    return found;
}

}  // namespace

JsonSchema::Node::Node(json::Element schema, const std::string& path) {
    json::Object object;
    if (schema.get(object)) throw JsonSchemaError(path + " must be an object");
    for (const auto member : object) {
        const std::string keyword(member.key);
        read(keyword, member.value, path + "/" + keyword);
    }
}

void JsonSchema::Node::read(const std::string& keyword, json::Element value, const std::string& place) {
    // These only describe.
    for (const char* note : {"$schema", "$id", "$comment", "title", "description", "examples", "default"}) {
        if (keyword == note) return;
    }
    if (keyword == "type") return read_types(value, place);
    if (keyword == "properties") return read_properties(value, place);
    if (keyword == "required") return read_required(value, place);
    if (keyword == "enum") return read_values(value, place);
    if (keyword == "pattern") return read_pattern(value, place);
    if (keyword == "const") {
        values_ = {canonical(value)};
    } else if (keyword == "minLength") {
        characters_min_ = count_of(value, place);
    } else if (keyword == "maxLength") {
        characters_max_ = count_of(value, place);
    } else if (keyword == "minItems") {
        items_min_ = count_of(value, place);
    } else if (keyword == "maxItems") {
        items_max_ = count_of(value, place);
    } else if (keyword == "minimum") {
        minimum_ = number_of(value, place);
    } else if (keyword == "maximum") {
        maximum_ = number_of(value, place);
    } else if (keyword == "exclusiveMinimum") {
        exclusive_minimum_ = number_of(value, place);
    } else if (keyword == "exclusiveMaximum") {
        exclusive_maximum_ = number_of(value, place);
    } else if (keyword == "items") {
        items_ = std::make_unique<Node>(value, place);
    } else if (keyword == "additionalProperties") {
        if (value.get(others_allowed_)) throw JsonSchemaError(place + " must be true or false");
    } else {
        throw JsonSchemaError(place + " is no keyword that the front door checks");
    }
}

void JsonSchema::Node::read_types(json::Element value, const std::string& place) {
    types_ = 0;
    const auto add = [&](json::Element name) {
        const auto text = text_of(name, place);
        const auto* known = std::find_if(type_names.begin(), type_names.end(),
                                         [text](const auto& type) { return type.first == text; });
        if (known == type_names.end())
            throw JsonSchemaError(place + ": " + std::string(text) + " is no type");
        types_ |= known->second;
    };
    json::Array names;
    if (value.get(names)) return add(value);
    for (const json::Element name : names) add(name);
}

void JsonSchema::Node::read_properties(json::Element value, const std::string& path) {
    json::Object object;
    if (value.get(object)) throw JsonSchemaError(path + " must be an object");
    for (const auto member : object) {
        property(member.key, path).node =
            std::make_unique<Node>(member.value, path + "/" + std::string(member.key));
    }
}

void JsonSchema::Node::read_required(json::Element value, const std::string& place) {
    json::Array names;
    if (value.get(names)) throw JsonSchemaError(place + " must be an array of strings");
    for (const json::Element name : names) {
        Property& wanted = property(text_of(name, place), place);
        wanted.required = true;
        required_ |= std::uint64_t{1} << (&wanted - properties_.data());
    }
}

void JsonSchema::Node::read_values(json::Element value, const std::string& place) {
    json::Array values;
    if (value.get(values) || values.size() == 0) throw JsonSchemaError(place + " must be an array of values");
    for (const json::Element one : values) values_.push_back(canonical(one));
}

void JsonSchema::Node::read_pattern(json::Element value, const std::string& place) {
    const auto text = text_of(value, place);
    pattern_ = std::make_unique<RE2>(re2::StringPiece(text.data(), text.size()), RE2::Quiet);
    if (!pattern_->ok()) throw JsonSchemaError(place + ": " + pattern_->error());
}

/// Named by `properties` or by `required`, whichever comes first.
JsonSchema::Node::Property& JsonSchema::Node::property(std::string_view name, const std::string& place) {
    const auto known = std::find_if(properties_.begin(), properties_.end(),
                                    [name](const Property& one) { return one.name == name; });
    if (known != properties_.end()) return *known;
    if (properties_.size() == properties_max) {
        throw JsonSchemaError(place + ": more than " + std::to_string(properties_max) + " properties");
    }
    properties_.push_back({std::string(name), std::make_unique<Node>(), false});
    return properties_.back();
}

std::optional<SchemaViolation> JsonSchema::Node::check(json::Element value) const {
    const unsigned types = types_of(value);
    if ((types & types_) == 0) return violation("must be " + types_text());
    if (!values_.empty()) {
        const std::string text = canonical(value);
        if (std::find(values_.begin(), values_.end(), text) == values_.end()) {
            std::string rule = "must be one of";
            for (const auto& one : values_) rule.append(" ").append(one);
            return violation(rule);
        }
    }
    switch (value.type()) {
        case element_type::STRING: return check_text(value.get_string().value_unsafe());
        case element_type::OBJECT: return check_object(value.get_object().value_unsafe());
        case element_type::ARRAY: return check_array(value.get_array().value_unsafe());
        case element_type::INT64:
        case element_type::UINT64:
        case element_type::DOUBLE: return check_number(value.get_double().value_unsafe());
        default: return std::nullopt;
    }
}

std::optional<SchemaViolation> JsonSchema::Node::check_text(std::string_view text) const {
    // Bytes are at least the characters, and at most four a character: most texts need no counting.
    if (characters_min_ && (text.size() < *characters_min_ ||
                            (text.size() / 4 < *characters_min_ && json::characters(text) < *characters_min_))) {
        return violation("must be at least " + std::to_string(*characters_min_) + " characters");
    }
    if (characters_max_ && text.size() > *characters_max_ && json::characters(text) > *characters_max_) {
        return violation("must be at most " + std::to_string(*characters_max_) + " characters");
    }
    if (pattern_ && !RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *pattern_)) {
        return violation("must match " + pattern_->pattern());
    }
    return std::nullopt;
}

std::optional<SchemaViolation> JsonSchema::Node::check_number(double number) const {
    if (minimum_ && number < *minimum_) return violation("must be at least " + number_text(*minimum_));
    if (maximum_ && number > *maximum_) return violation("must be at most " + number_text(*maximum_));
    if (exclusive_minimum_ && number <= *exclusive_minimum_) {
        return violation("must be more than " + number_text(*exclusive_minimum_));
    }
    if (exclusive_maximum_ && number >= *exclusive_maximum_) {
        return violation("must be less than " + number_text(*exclusive_maximum_));
    }
    return std::nullopt;
}

// The two below call check(), no deeper than the schema is nested.
std::optional<SchemaViolation> JsonSchema::Node::check_object(  // NOLINT(misc-no-recursion)
    const json::Object& object) const {
    std::uint64_t seen = 0;
    for (const auto member : object) {
        std::size_t place = 0;
        while (place < properties_.size() && properties_[place].name != member.key) ++place;
        if (place == properties_.size()) {
            if (others_allowed_) continue;
            return below(member.key, violation("is no property of this activity"));
        }
        seen |= std::uint64_t{1} << place;
        if (auto found = properties_[place].node->check(member.value))
            return below(member.key, *std::move(found));
    }
    if ((seen & required_) == required_) return std::nullopt;
    for (std::size_t place = 0; place < properties_.size(); ++place) {
        const bool missing = properties_[place].required && (seen >> place & 1) == 0;
        if (missing) return below(properties_[place].name, violation("is missing"));
    }
    return std::nullopt;
}

std::optional<SchemaViolation> JsonSchema::Node::check_array(  // NOLINT(misc-no-recursion)
    const json::Array& array) const {
    std::size_t count = 0;
    for (const json::Element item : array) {
        if (items_) {
            if (auto found = items_->check(item)) {
                return below("[" + std::to_string(count) + "]", *std::move(found));
            }
        }
        ++count;
    }
    if (items_min_ && count < *items_min_)
        return violation("must hold at least " + std::to_string(*items_min_) + " items");
    if (items_max_ && count > *items_max_)
        return violation("must hold at most " + std::to_string(*items_max_) + " items");
    return std::nullopt;
}

std::string JsonSchema::Node::types_text() const {
    std::string text;
    for (const auto& [name, type] : type_names) {
        if ((types_ & type) != 0) text += (text.empty() ? "" : " or ") + std::string(name);
    }
    return "of type " + text;
}

JsonSchema::JsonSchema(json::Element schema) : root_(std::make_unique<Node>(schema, "#")) {}
JsonSchema::~JsonSchema() = default;
JsonSchema::JsonSchema(JsonSchema&&) noexcept = default;
JsonSchema& JsonSchema::operator=(JsonSchema&&) noexcept = default;

std::optional<SchemaViolation> JsonSchema::check(json::Element document) const {
    return root_->check(document);
}

}  // namespace activity
