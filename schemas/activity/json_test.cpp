#include "schemas/activity/json.h"

#include <gtest/gtest.h>

namespace activity::json {
namespace {

std::variant<std::string, Rejection> canonical(std::string text) {
    Reader reader;
    const auto document = reader.read(text);
    if (const auto* rejection = std::get_if<Rejection>(&document)) return *rejection;
    std::string out;
    if (auto rejection = append_checked(out, std::get<Element>(document))) return *rejection;
    return out;
}

void expect_canonical(const std::string& text, const std::string& expected) {
    const auto result = canonical(text);
    ASSERT_TRUE(std::holds_alternative<std::string>(result))
        << text << ": " << std::get<Rejection>(result).message;
    EXPECT_EQ(std::get<std::string>(result), expected);
}

void expect_rejected(const std::string& text, Reason reason, const std::string& field = "") {
    const auto result = canonical(text);
    const std::string shown = text.substr(0, 80);
    ASSERT_TRUE(std::holds_alternative<Rejection>(result)) << shown;
    EXPECT_EQ(to_string(std::get<Rejection>(result).reason), to_string(reason)) << shown;
    EXPECT_EQ(std::get<Rejection>(result).field, field) << shown;
}

TEST(CanonicalJson, KeepsValuesAndOrderAndDropsBlanks) {
    expect_canonical(R"( { "b" : [ 1 , -2 , 18446744073709551615 , true , null ] , "a" : { } } )",
                     R"({"b":[1,-2,18446744073709551615,true,null],"a":{}})");
}

TEST(CanonicalJson, WritesDoublesSoThatTheyReadBackEqual) {
    expect_canonical("[1.0,0.1,1e300,-0.0,1E-7,123456789.125]", "[1.0,0.1,1e+300,-0.0,1e-07,123456789.125]");
}

TEST(CanonicalJson, EscapesWhatMustBeAndNothingElse) {
    expect_canonical(R"(["\u0041\u00e9\"\\\/\b\f\n\r\t\u001f\ud83d\ude00"])",
                     "[\"Aé\\\"\\\\/\\b\\f\\n\\r\\t\\u001f😀\"]");
}

TEST(CanonicalJson, IsAFixedPoint) {
    const std::string text = R"({"a":[1,2.5,"x\ny",{"b":null}],"c":{"d":[[],{}]}})";
    expect_canonical(text, text);
}

TEST(UntrustedJson, IsRefusedWhereReadersWouldDiffer) {
    expect_rejected(R"({"a":1,"a":2})", Reason::duplicate_key, "a");
    expect_rejected(R"({"o":[{"a":1,"\u0061":2}]})", Reason::duplicate_key, "o[0].a");
    expect_rejected(R"({"a":1}{"b":2})", Reason::malformed_json);
    expect_rejected(R"({"a":tru,})", Reason::malformed_json);
    expect_rejected("[18446744073709551616]", Reason::number_out_of_range);
    expect_rejected("[1e400]", Reason::number_out_of_range);
    expect_rejected("", Reason::malformed_json);
    expect_rejected("   ", Reason::malformed_json);
}

TEST(UntrustedJson, IsRefusedWithANameTwiceAmongMany) {
    std::string text = "{";
    for (int i = 0; i < 40; ++i) text += "\"k" + std::to_string(i) + "\":0,";
    expect_rejected(text + "\"k3\":1}", Reason::duplicate_key, "k3");
}

TEST(UntrustedJson, IsRefusedWithBytesThatNoDatabaseKeeps) {
    expect_rejected(R"({"a":{"b":"x\u0000y"}})", Reason::nul_character, "a.b");
    expect_rejected(R"({"a":{"x\u0000y":1}})", Reason::nul_character, "a");
    expect_rejected("{\"a\":\"\xff\"}", Reason::malformed_json);
    expect_rejected("{\"a\":\"\xc0\x80\"}", Reason::malformed_json);
    expect_rejected(R"({"a":"\ud83d"})", Reason::malformed_json);
    expect_rejected("{\"a\":\"\x01\"}", Reason::malformed_json);
}

TEST(UntrustedJson, IsRefusedBeyondTheNestingLimit) {
    const auto nested = [](std::size_t levels) {
        return std::string(levels, '[') + std::string(levels, ']');
    };
    EXPECT_TRUE(std::holds_alternative<std::string>(canonical(nested(nesting_max - 1))));
    expect_rejected(nested(nesting_max + 1), Reason::nesting_too_deep);
    expect_rejected(nested(100'000), Reason::nesting_too_deep);
    EXPECT_TRUE(std::holds_alternative<Rejection>(canonical(std::string(100'000, '['))));
}

TEST(Reader, ReadsOneDocumentAfterAnother) {
    Reader reader;
    std::string large = "[" + std::string(100'000, ' ') + "1]";
    EXPECT_TRUE(std::holds_alternative<Element>(reader.read(large)));
    EXPECT_TRUE(std::holds_alternative<Rejection>(reader.read(std::string_view("{"))));
    EXPECT_TRUE(std::holds_alternative<Element>(reader.read(std::string_view("{}"))));
}

}  // namespace
}  // namespace activity::json
