#include "schemas/sources/sources.h"

#include <gtest/gtest.h>

namespace activity {
namespace {

const Timestamp now = parse_timestamp("2026-11-21T12:00:00Z").value();

std::string key_entry(const std::string& key, const std::string& more = "") {
    return "{ sha256 = \"" + format_hash(hash_key(key)) + "\"" + more + " }";
}

std::string mistakes_of(const std::string& toml) {
    try {
        Sources::parse(toml, "test");
    } catch (const SourcesError& error) {
        return error.what();
    }
    return "";
}

TEST(Sources, FindsTheSourceOfAKey) {
    const auto sources =
        Sources::parse("[[source]]\nname = \"web\"\nkeys = [" + key_entry("a") + ", " + key_entry("b") +
                           "]\n[[source]]\nname = \"app\"\nkeys = [" + key_entry("c") + "]\n",
                       "test");
    ASSERT_NE(sources.find("a", now), nullptr);
    EXPECT_EQ(sources.find("a", now)->name, "web");
    EXPECT_EQ(sources.find("b", now)->name, "web");
    EXPECT_EQ(sources.find("c", now)->name, "app");
    EXPECT_EQ(sources.find("d", now), nullptr);
    EXPECT_EQ(sources.find("", now), nullptr);
}

TEST(Sources, ForgetAKeyWhenItExpires) {
    const auto sources = Sources::parse(
        "[[source]]\nname = \"web\"\nkeys = [" + key_entry("old", ", expires = 2026-11-21T12:00:01Z") + "]\n",
        "test");
    EXPECT_NE(sources.find("old", now), nullptr);
    EXPECT_EQ(sources.find("old", now + std::chrono::seconds(1)), nullptr);
}

TEST(Sources, ReadBackWhatTheyWrite) {
    const std::string text = R"(
[[source]]
name = "web"
enabled = false
keys = [)" + key_entry("a", ", created = 2026-11-01T08:00:00.25Z, expires = 2026-12-01T00:00:00Z") +
                             R"(]
origins = ["https://school.example", "http://localhost:*"]
events_per_second = 12.5
burst_events = 100
schema = "reject"
time_window = "reject"
drop = [{ activity = "Video Paused", keep = 0.25 }, { activity = "Noise" }]
)";
    const std::string written = Sources::parse(text, "test").toml();
    const auto again = Sources::parse(written, "test");
    EXPECT_EQ(again.toml(), written);
    ASSERT_EQ(again.all().size(), 1U);
    const Source& source = again.all()[0];
    EXPECT_FALSE(source.enabled);
    EXPECT_EQ(source.keys.at(0).created, parse_timestamp("2026-11-01T08:00:00.25Z"));
    EXPECT_EQ(source.keys.at(0).expires, parse_timestamp("2026-12-01T00:00:00Z"));
    EXPECT_EQ(source.origins.size(), 2U);
    EXPECT_EQ(source.events_per_second, 12.5);
    EXPECT_EQ(source.burst_events, 100);
    EXPECT_EQ(source.schema, Strictness::reject);
    EXPECT_EQ(source.time_window, Strictness::reject);
    EXPECT_EQ(source.drop.at(0).keep, 0.25);
    EXPECT_EQ(source.drop.at(1).keep, 0);
}

TEST(Sources, NameEveryMistakeAtOnce) {
    const std::string mistakes = mistakes_of(R"(
[[source]]
name = "a b"
enabled = "yes"
keys = [{ sha256 = "abc", expires = 2026-11-21 }]
origins = ["school.example", 7]
burst_events = 5
schema = "strict"
time_window = "off"
drop = [{ keep = 2 }]
colour = "red"
)");
    for (const char* rule :
         {"name must be", "enabled must be", "sha256 must be", "expires must be", "origins must hold",
          "burst_events says nothing", "schema must be one of off mark reject",
          "time_window must be one of mark reject", "drop: activity", "drop: keep", "colour is no member"}) {
        EXPECT_NE(mistakes.find(rule), std::string::npos) << rule << "\n" << mistakes;
    }
    EXPECT_NE(mistakes_of("x = ").find("line 1"), std::string::npos);
    EXPECT_NE(mistakes_of("").find("at least one [[source]]"), std::string::npos);
    EXPECT_NE(mistakes_of("[[source]]\nname=\"a\"\nevents_per_second = 0\n").find("above 0"),
              std::string::npos);
    const std::string key = "keys = [" + key_entry("a") + "]\n";
    const std::string twice =
        mistakes_of("[[source]]\nname=\"a\"\n" + key + "[[source]]\nname=\"a\"\n" + key);
    EXPECT_NE(twice.find("another source of this name"), std::string::npos);
    EXPECT_NE(twice.find("another entry with this key"), std::string::npos);
}

TEST(Source, ListsOrigins) {
    Source source;
    source.origins = {"https://school.example", "https://*.school.example", "http://localhost:*"};
    EXPECT_TRUE(lists_origin(source, "https://school.example"));
    EXPECT_TRUE(lists_origin(source, "https://a.school.example"));
    EXPECT_TRUE(lists_origin(source, "https://a.b.school.example"));
    EXPECT_TRUE(lists_origin(source, "http://localhost:3000"));
    EXPECT_TRUE(lists_origin(source, "http://localhost"));
    EXPECT_FALSE(lists_origin(source, "https://evilschool.example"));
    EXPECT_FALSE(lists_origin(source, "https://.school.example"));
    EXPECT_FALSE(lists_origin(source, "http://a.school.example"));
    EXPECT_FALSE(lists_origin(source, "https://school.example.evil.example"));
    EXPECT_FALSE(lists_origin(source, "https://school.example:8443"));
    EXPECT_FALSE(lists_origin(source, "http://localhost.evil.example:3000"));
    EXPECT_FALSE(lists_origin(source, "null"));
    EXPECT_FALSE(takes_any_origin(source));
    source.origins = {"*"};
    EXPECT_TRUE(takes_any_origin(source));
    EXPECT_FALSE(lists_origin(source, "https://school.example"));
}

}  // namespace
}  // namespace activity
