#include "workers/groups/copy_rows.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace activity::workers {
namespace {

using namespace std::string_literals;

TEST(CopyRowsTest, WritesLengthsInNetworkOrder) {
    CopyRows rows;
    rows.begin_row(258);
    rows.text("ab");
    EXPECT_EQ(rows.bytes(), "\x01\x02\x00\x00\x00\x02"s + "ab");
}

TEST(CopyRowsTest, EscapesNothing) {
    CopyRows rows;
    rows.text("a\tb\nc\\N\\.");
    EXPECT_EQ(rows.bytes(), "\0\0\0\x09"s + "a\tb\nc\\N\\.");
}

TEST(CopyRowsTest, TellsNullFromEmpty) {
    CopyRows rows;
    rows.null();
    rows.text("");
    rows.text_or_null("");
    EXPECT_EQ(rows.bytes(), "\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff"s);
}

TEST(CopyRowsTest, AnArrayNamesItsTypeAndItsBounds) {
    CopyRows rows;
    rows.text_array_or_null(std::vector<std::string_view>{"a", "bc"});
    EXPECT_EQ(rows.bytes(),
              "\0\0\0\x1f"
              "\0\0\0\x01\0\0\0\0\0\0\0\x19\0\0\0\x02\0\0\0\x01"
              "\0\0\0\x01"
              "a"
              "\0\0\0\x02"
              "bc"s);
    rows.clear();
    rows.text_array_or_null(std::vector<std::string_view>{});
    EXPECT_EQ(rows.bytes(), "\xff\xff\xff\xff"s);
}

TEST(CopyRowsTest, CountsTimeFromTheYear2000) {
    CopyRows rows;
    rows.timestamptz(*parse_timestamp("2000-01-01T00:00:01.000002Z"));
    rows.timestamptz(*parse_timestamp("1999-12-31T23:59:59.999999Z"));
    EXPECT_EQ(rows.bytes(), "\0\0\0\x08\0\0\0\0\0\x0f\x42\x42\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xff"s);
}

TEST(CopyRowsTest, ADoubleIsItsEightBytes) {
    CopyRows rows;
    rows.double_precision(-2.5);
    EXPECT_EQ(rows.bytes(), "\0\0\0\x08\xc0\x04\0\0\0\0\0\0"s);
}

TEST(CopyRowsTest, KeepsTheBytesOfAUuid) {
    CopyRows rows;
    rows.uuid(*parse_uuid("00112233-4455-6677-8899-aabbccddeeff"));
    EXPECT_EQ(rows.bytes(), "\0\0\0\x10\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"s);
}

TEST(CopyRowsTest, HeaderIsTheOneOfTheFormat) {
    EXPECT_EQ(CopyRows::header, "PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0"s);
    EXPECT_EQ(CopyRows::trailer, "\xff\xff"s);
}

}  // namespace
}  // namespace activity::workers
