#include "schemas/catalogue/json_schema.h"

#include <gtest/gtest.h>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "schemas/catalogue/catalogue.h"

namespace activity {
namespace {

class Parsed {
  public:
    explicit Parsed(const std::string& text) : element_(parser_.parse(text)) {}
    json::Element element() const { return element_; }

  private:
    simdjson::dom::parser parser_;
    json::Element element_;
};

JsonSchema compile(const std::string& schema) {
    return JsonSchema(Parsed(schema).element());
}

/// "field: message" of the violation, "" if there is none.
std::string violation(const JsonSchema& schema, const std::string& document) {
    const Parsed parsed(document);
    const auto found = schema.check(parsed.element());
    return found ? found->field + ": " + found->message : "";
}

TEST(JsonSchema, NamesThePathAndTheRule) {
    const auto schema =
        compile(R"({"type":"object","required":["a"],"additionalProperties":false,"properties":{
        "a":{"type":"string","minLength":2,"maxLength":3},
        "n":{"type":"number","exclusiveMinimum":0,"maximum":10},
        "i":{"type":["integer","null"]},
        "e":{"enum":["x",1,null]},
        "p":{"pattern":"^[A-Z]{2}$"},
        "l":{"type":"array","minItems":1,"maxItems":2,"items":{"type":"object","properties":{"q":{"minimum":1}}}}}})");
    EXPECT_EQ(violation(schema, R"({"a":"ab"})"), "");
    EXPECT_EQ(violation(schema, R"({"a":"äöü"})"), "");
    EXPECT_EQ(violation(schema, R"([])"), ": must be of type object");
    EXPECT_EQ(violation(schema, R"({})"), "a: is missing");
    EXPECT_EQ(violation(schema, R"({"a":7})"), "a: must be of type string");
    EXPECT_EQ(violation(schema, R"({"a":"ä"})"), "a: must be at least 2 characters");
    EXPECT_EQ(violation(schema, R"({"a":"abcd"})"), "a: must be at most 3 characters");
    EXPECT_EQ(violation(schema, R"({"a":"ab","b":1})"), "b: is no property of this activity");
    EXPECT_EQ(violation(schema, R"({"a":"ab","n":0})"), "n: must be more than 0");
    EXPECT_EQ(violation(schema, R"({"a":"ab","n":10.5})"), "n: must be at most 10");
    EXPECT_EQ(violation(schema, R"({"a":"ab","i":1.0})"), "");
    EXPECT_EQ(violation(schema, R"({"a":"ab","i":null})"), "");
    EXPECT_EQ(violation(schema, R"({"a":"ab","i":1.5})"), "i: must be of type null or integer");
    EXPECT_EQ(violation(schema, R"({"a":"ab","e":"y"})"), R"(e: must be one of "x" 1 null)");
    EXPECT_EQ(violation(schema, R"({"a":"ab","p":"DEU"})"), "p: must match ^[A-Z]{2}$");
    EXPECT_EQ(violation(schema, R"({"a":"ab","l":[]})"), "l: must hold at least 1 items");
    EXPECT_EQ(violation(schema, R"({"a":"ab","l":[{},{},{}]})"), "l: must hold at most 2 items");
    EXPECT_EQ(violation(schema, R"({"a":"ab","l":[{},{"q":0}]})"), "l[1].q: must be at least 1");
}

TEST(JsonSchema, RefusesWhatItWouldNotCheck) {
    const auto refusal = [](const std::string& schema) -> std::string {
        try {
            compile(schema);
        } catch (const JsonSchemaError& error) {
            return error.what();
        }
        return "";
    };
    EXPECT_NE(refusal(R"({"properties":{"a":{"oneOf":[]}}})").find("#/properties/a/oneOf"),
              std::string::npos);
    EXPECT_NE(refusal(R"({"format":"uri"})").find("format"), std::string::npos);
    EXPECT_NE(refusal(R"({"type":"text"})").find("is no type"), std::string::npos);
    EXPECT_NE(refusal(R"({"pattern":"("})").find("pattern"), std::string::npos);
    EXPECT_NE(refusal(R"({"minLength":-1})").find("whole number"), std::string::npos);
    EXPECT_NE(refusal(R"([])").find("must be an object"), std::string::npos);
}

TEST(JsonSchema, MatchesHostileTextInLinearTime) {
    const auto schema = compile(R"({"pattern":"^(a+)+$"})");
    EXPECT_NE(violation(schema, "\"" + std::string(30'000, 'a') + "!\""), "");
}

/// Values near the edges of what a schema allows: made from the schema, then often bent.
class DocumentMaker {
  public:
    explicit DocumentMaker(std::uint32_t seed) : random_(seed) {}

    nlohmann::json make(const nlohmann::json& schema) {
        if (one_in(8)) return anything();
        if (schema.contains("enum") && !one_in(5)) return schema["enum"][below(schema["enum"].size())];
        std::string type = "object";
        if (schema.contains("type")) {
            const auto& types = schema["type"];
            type = types.is_array() ? types[below(types.size())] : types;
        }
        if (type == "string") {
            const std::size_t min = schema.value("minLength", 0U), max = schema.value("maxLength", 5U);
            const std::size_t edges[] = {min, min == 0 ? 0 : min - 1, max, max + 1, 2};
            const std::string character = one_in(3) ? "ä" : one_in(2) ? "A" : "b";
            std::string text;
            for (std::size_t i = 0, n = edges[below(5)]; i < n; ++i) text += character;
            return text;
        }
        if (type == "integer" || type == "number") {
            auto edge = static_cast<double>(below(100));
            for (const char* bound : {"minimum", "maximum", "exclusiveMinimum"}) {
                if (schema.contains(bound) && one_in(2)) edge = schema[bound];
            }
            if (one_in(4)) return edge + 0.5;
            return static_cast<std::int64_t>(edge) + static_cast<std::int64_t>(below(3)) - 1;
        }
        if (type == "array") {
            auto array = nlohmann::json::array();
            for (std::size_t i = 0, n = below(4); i < n; ++i)
                array.push_back(make(schema.value("items", nlohmann::json::object())));
            return array;
        }
        if (type == "boolean") return one_in(2);
        if (type == "null") return nullptr;
        auto object = nlohmann::json::object();
        if (schema.contains("properties")) {
            for (const auto& [name, inner] : schema["properties"].items()) {
                if (!one_in(6)) object[name] = make(inner);
            }
        }
        if (one_in(4)) object["other"] = anything();
        return object;
    }

  private:
    std::size_t below(std::size_t end) {
        return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
    }
    bool one_in(std::size_t n) { return below(n) == 0; }
    nlohmann::json anything() {
        const std::vector<nlohmann::json> values{
            nullptr, true, -1, 1.5, "", "x", nlohmann::json::array(), nlohmann::json::object()};
        return values[below(values.size())];
    }
    std::mt19937 random_;
};

TEST(JsonSchema, AgreesWithAnotherValidatorOnEverySchemaOfTheCatalogue) {
    const auto catalogue = Catalogue::load(Catalogue::default_file());
    std::size_t good = 0, bad = 0;
    for (const CatalogueActivity& activity : catalogue.activities()) {
        if (activity.schema.empty()) continue;
        SCOPED_TRACE(activity.schema);
        const auto text = nlohmann::json::parse(std::ifstream(catalogue.directory() / activity.schema));
        const JsonSchema ours = compile(text.dump());
        valijson::Schema theirs;
        valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(text), theirs);
        DocumentMaker maker(4711);
        for (int i = 0; i < 2'000; ++i) {
            const auto document = maker.make(text);
            const bool expected = valijson::Validator().validate(
                theirs, valijson::adapters::NlohmannJsonAdapter(document), nullptr);
            ASSERT_EQ(violation(ours, document.dump()).empty(), expected) << document.dump() << "\n"
                                                                          << violation(ours, document.dump());
            ++(expected ? good : bad);
        }
    }
    EXPECT_GT(good, 1'000U);
    EXPECT_GT(bad, 1'000U);
}

}  // namespace
}  // namespace activity
