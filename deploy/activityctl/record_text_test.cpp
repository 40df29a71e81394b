#include "deploy/activityctl/record_text.h"

#include <gmock/gmock.h>

namespace activity::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::VariantWith;

RecordText::Parsed parsed(std::string_view line) {
    RecordText text;
    auto result = text.parse(line);
    if (const auto* mistake = std::get_if<std::string>(&result)) ADD_FAILURE() << *mistake << "\n" << line;
    return std::holds_alternative<RecordText::Parsed>(result) ? std::get<RecordText::Parsed>(result)
                                                              : RecordText::Parsed{};
}

void expect_mistake(std::string_view line, const std::string& why) {
    RecordText text;
    EXPECT_THAT(text.parse(line), VariantWith<std::string>(HasSubstr(why))) << line;
}

const ShownRecord sample{"activity.live-class",  3,           1207, 1'795'271'280'123, "web/u1",
                         {{"message-id", "m1"}}, R"({"a":1})"};

TEST(RecordText, ShowsPeopleEverythingInTwoLines) {
    RecordText text;
    EXPECT_EQ(text.text(sample),
              "activity.live-class [3] @ 1207  2026-11-21T14:28:00.123Z  key web/u1  message-id=m1\n"
              "    {\"a\":1}\n");
}

TEST(RecordText, SendsNoControlCharactersToATerminal) {
    RecordText text;
    auto record = sample;
    record.value = "\x1b]0;x\x07\n";
    record.key = "\xff";
    EXPECT_THAT(text.text(record), HasSubstr("\\x1b]0;x\\x07\\x0a"));
    EXPECT_THAT(text.text(record), HasSubstr("key <1 bytes that are not UTF-8>"));
}

TEST(RecordText, GivesProgramsOneLineOfJson) {
    RecordText text;
    EXPECT_EQ(
        text.json(sample),
        R"({"topic":"activity.live-class","partition":3,"offset":1207,"timestamp":"2026-11-21T14:28:00.123Z",)"
        R"("key":"web/u1","headers":{"message-id":"m1"},"value":{"a":1}})"
        "\n");
}

TEST(RecordText, JsonReadsBackToTheSameBytes) {
    const std::string_view values[] = {"",
                                       "plain",
                                       "\"quoted\"",
                                       "5",
                                       "null",
                                       R"({"a": 1})",
                                       R"({"a":1.0,"b":[true,null]})",
                                       "{\n}",
                                       "[1,2]",
                                       "{broken",
                                       "\xff\xfe",
                                       R"({"a":1,"a":2})",
                                       R"({"base64":"AA=="})",
                                       std::string_view("a\0b", 3),
                                       R"({"n":1e400})",
                                       R"({"n":12345678901234567890123})"};
    RecordText text;
    for (const auto value : values) {
        auto record = sample;
        record.value = value;
        record.key = value;
        record.headers = {{"h", std::string(value)}, {"h", "again"}, {"i", ""}};
        const auto line = text.json(record);
        EXPECT_EQ(std::ranges::count(line, '\n'), 1) << line;
        const auto back = parsed(line);
        EXPECT_EQ(back.value, value) << line;
        EXPECT_EQ(back.key, value) << line;
        EXPECT_EQ(back.headers, record.headers) << line;
    }
}

TEST(RecordText, ParsesWhatAPersonWrites) {
    const auto record =
        parsed(R"({"key":"web/u1","headers":{"a":"1","n":2},"value":{"x":[1, 2]},"partition":4})");
    EXPECT_EQ(record.key, "web/u1");
    EXPECT_THAT(record.headers, ElementsAre(Pair("a", "1"), Pair("n", "2")));
    EXPECT_EQ(record.value, R"({"x":[1,2]})");
    EXPECT_EQ(record.partition, 4);

    const auto least = parsed(R"({"value":"text"})");
    EXPECT_EQ(least.value, "text");
    EXPECT_EQ(least.key, std::nullopt);
    EXPECT_EQ(least.partition, std::nullopt);
}

TEST(RecordText, APartitionThatARecordCameFromIsNotWhereItGoes) {
    RecordText text;
    EXPECT_EQ(parsed(text.json(sample)).partition, std::nullopt);
}

TEST(RecordText, SaysWhatIsWrongWithALine) {
    expect_mistake("", "not JSON");
    expect_mistake("{", "not JSON");
    expect_mistake("[]", "must be an object");
    expect_mistake(R"({"key":"k"})", "value is missing");
    expect_mistake(R"({"value":null})", "tombstone");
    expect_mistake(R"({"value":"v","key":5})", "key must be a string");
    expect_mistake(R"({"value":"v","partition":-1})", "partition must be");
    expect_mistake(R"({"value":"v","headers":"x"})", "headers must be");
    expect_mistake(R"({"value":"v","headers":[["a"]]})", "pairs");
    expect_mistake(R"({"value":"v","kye":"k"})", "'kye' is not known");
    expect_mistake(R"({"value":{"base64":"?"}})", "value is not base64");
}

TEST(Base64, FollowsRfc4648) {
    // Section 10 of the RFC.
    for (const auto& [bytes, text] :
         std::initializer_list<std::pair<std::string, std::string>>{{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}}) {
        EXPECT_EQ(base64(bytes), text);
        EXPECT_EQ(from_base64(text), bytes);
    }
    EXPECT_EQ(base64("\xfb\xff"), "+/8=");
    EXPECT_EQ(from_base64("Zg="), std::nullopt);
    EXPECT_EQ(from_base64("Z==="), std::nullopt);
}

}  // namespace
}  // namespace activity::ctl
