#include "deploy/activityctl/table.h"

#include <gmock/gmock.h>
#include <sstream>

namespace activity::ctl {
namespace {

std::string printed(const Table& table) {
    std::ostringstream out;
    table.print(out);
    return out.str();
}

Table sample() {
    Table table({"topic", "kafka_lag", "in_catalogue"});
    table.add({"live-class", std::int64_t{7}, true});
    table.add({"x", std::int64_t{12'345'678'901}, false});
    table.add({"other", std::monostate{}, std::monostate{}});
    return table;
}

TEST(Table, AlignsTextLeftAndNumbersRight) {
    EXPECT_EQ(printed(sample()),
              "TOPIC         KAFKA LAG  IN CATALOGUE\n"
              "live-class            7  yes\n"
              "x           12345678901  no\n"
              "other                 -  -\n");
}

TEST(Table, GivesScriptsTypedValues) {
    EXPECT_EQ(sample().json(),
              "[\n"
              "  {\"topic\": \"live-class\", \"kafka_lag\": 7, \"in_catalogue\": true},\n"
              "  {\"topic\": \"x\", \"kafka_lag\": 12345678901, \"in_catalogue\": false},\n"
              "  {\"topic\": \"other\", \"kafka_lag\": null, \"in_catalogue\": null}\n"
              "]");
    EXPECT_EQ(Table({"topic"}).json(), "[]");
}

TEST(Table, CountsCharactersNotBytes) {
    Table table({"name", "n"});
    table.add({"ñandú", std::int64_t{1}});
    table.add({"abcde", std::int64_t{2}});
    EXPECT_EQ(printed(table), "NAME   N\nñandú  1\nabcde  2\n");
}

TEST(Table, SendsNoControlCharactersToATerminal) {
    Table table({"name"});
    table.add({std::string("a\x1b[2J\nb")});
    EXPECT_EQ(printed(table), "NAME\na\\x1b[2J\\x0ab\n");
    EXPECT_EQ(table.json(), "[\n  {\"name\": \"a\\u001b[2J\\nb\"}\n]");
}

TEST(Table, GivesSpreadsheetsCsv) {
    Table table({"name", "n", "rate", "flag"});
    table.add({std::string("a,\"b\"\nc"), std::int64_t{1}, 0.25, true});
    table.add({std::monostate{}, std::monostate{}, 1.0, false});
    EXPECT_EQ(table.csv(), "name,n,rate,flag\n\"a,\"\"b\"\"\nc\",1,0.25,true\n,,1,false\n");
}

TEST(Table, CutsWhatIsTooLongBetweenCharacters) {
    EXPECT_EQ(printable("ñandú", 5), "ñandú");
    EXPECT_EQ(printable("ñandús", 5), "ñand…");
    EXPECT_EQ(printable("", 3), "");
}

}  // namespace
}  // namespace activity::ctl
