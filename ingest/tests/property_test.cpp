// Any JSON that the front door takes lies in Kafka equal, in the order in which its learner sent it.
// Documents are made at random, sent by every route and encoding, and read back with a parser that is not
// ours (nlohmann). A difference is told with its path and the two values there, so nothing has to be made
// smaller by hand.

#include <gtest/gtest.h>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/seed.h"
#include "ingest/tests/gzip_bytes.h"

namespace activity {
namespace {

using harness::Connection;
using harness::Pipeline;
using nlohmann::json;

constexpr int events_wanted = 3'000;
constexpr int batch_events_max = 30;
constexpr int learners = 15;
/// Root, batch, event and member are four levels of the 63 that the front door takes.
constexpr int levels_max = 59;

class Random {
  public:
    explicit Random(unsigned seed) : engine_(seed) {}
    std::size_t below(std::size_t end) {
        return std::uniform_int_distribution<std::size_t>(0, end - 1)(engine_);
    }
    bool one_in(std::size_t n) { return below(n) == 0; }
    std::uint64_t bits() { return engine_(); }
    template <typename Values>
    const auto& one_of(const Values& values) {
        return values[below(std::size(values))];
    }

  private:
    std::mt19937_64 engine_;
};

void append_utf8(std::string& out, char32_t c) {
    const auto byte = [&out](char32_t bits) { out += static_cast<char>(bits); };
    if (c < 0x80) return byte(c);
    if (c < 0x800) {
        byte(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            byte(0xe0 | c >> 12);
        } else {
            byte(0xf0 | c >> 18);
            byte(0x80 | (c >> 12 & 0x3f));
        }
        byte(0x80 | (c >> 6 & 0x3f));
    }
    byte(0x80 | (c & 0x3f));
}

void append_escape(std::string& out, char32_t unit) {
    char text[8];
    std::snprintf(text, sizeof text, unit % 2 == 0 ? "\\u%04x" : "\\u%04X", static_cast<unsigned>(unit));
    out += text;
}

/// Writes JSON text: what is meant can be said in several ways, and all of them are used.
class Writer {
  public:
    explicit Writer(Random& random) : random_(random) {}

    /// A string with up to so many characters, quoted; never U+0000, which the front door refuses.
    std::string text(std::size_t characters_max, std::size_t characters_min = 0) {
        std::string out = "\"";
        const std::size_t characters = characters_min + random_.below(characters_max - characters_min + 1);
        for (std::size_t i = 0; i < characters; ++i) append_character(out, character());
        return out + "\"";
    }

    std::string value(int levels) {
        switch (random_.below(levels > 0 ? 8 : 5)) {
            case 0: return text(20);
            case 1: return integer();
            case 2: return real();
            case 3: return random_.one_of(std::array<std::string, 3>{"null", "true", "false"});
            case 4: return random_.one_in(40) ? text(3'000) : text(3);
            case 5: return array(levels);
            case 6: return random_.one_in(10) ? nested(levels) : array(levels);
            default: return object(levels);
        }
    }

    std::string object(int levels) {
        std::string out = "{";
        std::set<std::string> names;
        for (std::size_t members = random_.below(random_.one_in(20) ? 40 : 5); members > 0; --members) {
            const std::string name = text(random_.one_in(5) ? 0 : 12);
            if (!names.insert(json::parse(name).get<std::string>()).second) continue;
            if (out.size() > 1) out += ',';
            out += blank() + name + blank() + ":" + blank() + value(std::min(levels - 1, 3)) + blank();
        }
        return out + "}";
    }

    std::string blank() {
        return random_.one_in(8) ? random_.one_of(std::array<std::string, 4>{" ", "\n", "\t", "\r\n"}) : "";
    }

  private:
    std::string array(int levels) {
        std::string out = "[";
        for (std::size_t items = random_.below(5); items > 0; --items) {
            if (out.size() > 1) out += ',';
            out += blank() + value(std::min(levels - 1, 3)) + blank();
        }
        return out + "]";
    }

    /// As deep as may be.
    std::string nested(int levels) {
        const auto depth = static_cast<std::size_t>(levels);
        if (random_.one_in(2)) return std::string(depth, '[') + std::string(depth, ']');
        std::string out, end;
        for (std::size_t i = 0; i < depth; ++i) {
            out += R"({"":)";
            end += '}';
        }
        return out + "0" + end;
    }

    char32_t character() {
        switch (random_.below(8)) {
            case 0: return static_cast<char32_t>(1 + random_.below(0x1f));
            case 1: return random_.one_of(std::u32string_view(U"\"\\/\b\f\n\r\t'<>&\x7f"));
            case 2: return static_cast<char32_t>(0x80 + random_.below(0x780));
            case 3: return static_cast<char32_t>(0x800 + random_.below(0xd000));
            case 4: return static_cast<char32_t>(0x10000 + random_.below(0x100000));
            case 5:
                return random_.one_of(
                    std::u32string_view(U"\u0085\u00a0\u2028\u2029\ufeff\ufffd\uffff\U0001f600\U0010ffff"));
            default: return static_cast<char32_t>(' ' + random_.below(0x5f));
        }
    }

    void append_character(std::string& out, char32_t c) {
        const bool must_escape = c < 0x20 || c == '"' || c == '\\';
        if (!must_escape && !random_.one_in(6)) return append_utf8(out, c);
        constexpr std::string_view short_escapes = "\"\\/\b\f\n\r\t";
        const std::size_t known =
            c < 0x80 ? short_escapes.find(static_cast<char>(c)) : std::string_view::npos;
        if (known != std::string_view::npos && !random_.one_in(4)) {
            out += '\\';
            out += "\"\\/bfnrt"[known];
        } else if (c < 0x10000) {
            append_escape(out, c);
        } else {
            append_escape(out, 0xd800 + ((c - 0x10000) >> 10));
            append_escape(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
        }
    }

    std::string integer() {
        constexpr std::array<const char*, 12> edges{"0",
                                                    "-0",
                                                    "-1",
                                                    "9223372036854775807",
                                                    "-9223372036854775808",
                                                    "2147483648",
                                                    "4294967296",
                                                    "-2147483649",
                                                    "18446744073709551615",
                                                    "9223372036854775808",
                                                    "9007199254740993",
                                                    "-9007199254740993"};
        if (random_.one_in(2)) return random_.one_of(edges);
        const std::uint64_t bits = random_.bits() >> random_.below(64);
        return random_.one_in(2) ? std::to_string(bits) : std::to_string(static_cast<std::int64_t>(bits));
    }

    std::string real() {
        constexpr std::array<const char*, 19> edges{"-0.0",
                                                    "0.0",
                                                    "1.0",
                                                    "0.1",
                                                    "1e308",
                                                    "-1E+308",
                                                    "1.7976931348623157e308",
                                                    "2.2250738585072014e-308",
                                                    "2.2250738585072011e-308",
                                                    "5e-324",
                                                    "-4.9406564584124654e-324",
                                                    "1e-400",
                                                    "123456789012345678901234567890.0",
                                                    "9007199254740993.0",
                                                    "1e23",
                                                    "1E0",
                                                    "100000000000000000000000e-20",
                                                    "0.30000000000000004",
                                                    "-0e5"};
        if (random_.one_in(2)) return random_.one_of(edges);
        const double number = std::bit_cast<double>(random_.bits());
        if (!std::isfinite(number)) return "1.5";
        char text[64];
        std::snprintf(text, sizeof text, "%.17g", number);
        // Without either it would be an integer, and perhaps one beyond 64 bits.
        return std::string_view(text).find_first_of(".e") == std::string_view::npos ? std::string(text) + ".0"
                                                                                    : text;
    }

    Random& random_;
};

/// An event as it was sent.
struct Sent {
    std::string type;
    std::string text;
    json document;
    int number = 0;  ///< its place in the order of all
};

constexpr std::array<std::string_view, 10> members_with_a_place{
    "messageId", "type",     "event",  "userId",    "anonymousId",
    "context",   "writeKey", "sentAt", "timestamp", "originalTimestamp"};

std::string properties_name(const std::string& type) {
    return type == "identify" || type == "group" ? "traits" : "properties";
}

Sent random_event(Random& random, int number) {
    Writer write(random);
    Sent sent;
    sent.number = number;
    sent.type = random.one_of(std::array<std::string, 8>{"track", "track", "track", "page", "screen",
                                                         "identify", "group", "alias"});
    std::string& text = sent.text;
    text = R"({"type":")" + sent.type + R"(","messageId":"p-)" + std::to_string(number) +
           R"(-\u00e4\"","userId":"u)" + std::to_string(random.below(learners)) + R"( /\u00e9\ud83d\ude00")";
    const auto add = [&](const std::string& name, const std::string& value) {
        text += "," + write.blank() + name + ":" + write.blank() + value;
    };
    if (sent.type == "track") {
        add("\"event\"", random.one_in(4) ? "\"Question Asked\"" : write.text(40, 1));
    } else if (sent.type == "group") {
        add("\"groupId\"", write.text(10, 1));
    } else if (sent.type == "alias") {
        add("\"previousId\"", write.text(10, 1));
    }
    if (!random.one_in(8)) add("\"" + properties_name(sent.type) + "\"", write.object(levels_max));
    if (random.one_in(2)) add("\"context\"", write.object(levels_max));
    std::set<std::string> names{"groupId", "previousId", "properties", "traits", "batch"};
    names.insert(members_with_a_place.begin(), members_with_a_place.end());
    for (std::size_t extra = random.below(4); extra > 0; --extra) {
        const std::string name = write.text(8);
        if (names.insert(json::parse(name).get<std::string>()).second) add(name, write.value(levels_max - 1));
    }
    text += "}";
    sent.document = json::parse(text);
    return sent;
}

std::string chunked(Random& random, std::string_view body) {
    std::string out;
    const std::size_t chunk_bytes_max = 1 + random.below(random.one_in(2) ? 20'000 : 50);
    while (!body.empty()) {
        const std::string_view chunk = body.substr(0, 1 + random.below(chunk_bytes_max));
        char size[32];
        std::snprintf(size, sizeof size, random.one_in(2) ? "%zx\r\n" : "%04zX;a=b\r\n", chunk.size());
        out.append(size).append(chunk).append("\r\n");
        body.remove_prefix(chunk.size());
    }
    return out + "0\r\n\r\n";
}

/// A request in one of the forms that clients use, with its body in `"batch"` or as it is.
std::string random_request(Random& random, const std::vector<Sent>& events, bool is_batch) {
    std::string target;
    if (is_batch) {
        target =
            random.one_of(std::array<std::string, 4>{"/v1/batch", "/v1/import", "/v1/b", "/beacon/v1/batch"});
    } else {
        const std::string& type = events.front().type;
        target = "/v1/" + (random.one_in(2) ? type : type.substr(0, 1));
    }
    if (random.one_in(4)) target += '/';
    std::string body;
    if (is_batch) {
        for (const Sent& event : events) body += (body.empty() ? "" : ",") + event.text;
        body = R"({"batch":[)" + body + "]}";
    } else {
        body = events.front().text;
    }
    std::string header = "Host: activity.test\r\n";
    const std::string key = harness::write_key;
    switch (random.below(4)) {
        case 0: header += "Authorization: " + harness::authorization() + "\r\n"; break;
        case 1: header += "Authorization: Bearer " + key + "\r\n"; break;
        case 2: target += "?writeKey=" + key; break;
        default: body.insert(1, R"("writeKey":")" + key + "\",");
    }
    header += random.one_of(std::array<std::string, 4>{
        "", "Content-Type: application/json; charset=utf-8\r\n", "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n"});
    if (random.one_in(3)) {
        body = front_door::gzip(body, static_cast<int>(1 + random.below(9)));
        if (!random.one_in(3)) header += "Content-Encoding: gzip\r\n";
    }
    if (random.one_in(3)) {
        header += "Transfer-Encoding: chunked\r\n";
        body = chunked(random, body);
    } else {
        header += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    }
    return "POST " + target + " HTTP/1.1\r\n" + header + "\r\n" + body;
}

/// Where the two differ, and how; nothing if they are equal. Stricter than nlohmann's ==, for which 1 is 1.0
/// and -0.0 is 0.0.
std::optional<std::string> difference(const json& a, const json& b, const std::string& path) {
    const auto told = [&] { return path + ": " + a.dump() + " became " + b.dump(); };
    if (a.is_number_integer() != b.is_number_integer() || a.type_name() != std::string_view(b.type_name()))
        return told();
    if (a.is_object()) {
        for (const auto& [name, value] : a.items()) {
            if (!b.contains(name)) return path + ": lost " + json(name).dump();
            if (auto found = difference(value, b.at(name), path + "/" + name)) return found;
        }
        if (a.size() != b.size()) return path + ": has got " + b.dump();
        return std::nullopt;
    }
    if (a.is_array()) {
        if (a.size() != b.size()) return told();
        for (std::size_t i = 0; i < a.size(); ++i) {
            if (auto found = difference(a[i], b[i], path + "/" + std::to_string(i))) return found;
        }
        return std::nullopt;
    }
    if (a.is_number_float() &&
        std::bit_cast<std::uint64_t>(a.get<double>()) != std::bit_cast<std::uint64_t>(b.get<double>())) {
        return told();
    }
    return a == b ? std::nullopt : std::optional(told());
}

/// What must be in Kafka for an event: the members that are compared.
json expected(const Sent& sent) {
    const std::string properties = properties_name(sent.type);
    json out{{"messageId", sent.document.at("messageId")},
             {"type", sent.type},
             {"userId", sent.document.at("userId")},
             {"properties", sent.document.value(properties, json::object())},
             {"context", sent.document.value("context", json::object())},
             {"extra", json::object()}};
    out["context"].erase("ip");
    if (sent.type == "track") out["activity"] = sent.document.at("event");
    for (const auto& [name, value] : sent.document.items()) {
        const bool has_a_place =
            name == properties || std::find(members_with_a_place.begin(), members_with_a_place.end(), name) !=
                                      members_with_a_place.end();
        if (!has_a_place && !value.is_null()) out["extra"][name] = value;  // null is "absent"
    }
    return out;
}

json stored(const std::string& value) {
    json out = json::parse(value);
    if (out.at("type") != "track") out.erase("activity");
    for (const char* other : {"source", "occurredAt", "receivedAt", "marks"}) out.erase(other);
    out.at("context").erase("ip");
    if (!out.contains("extra")) out["extra"] = json::object();
    return out;
}

class PropertyTest : public ::testing::Test {
  protected:
    /// Sends them as one request, in pieces, and expects that each is accepted.
    void send(Connection& connection, std::vector<Sent> events, bool is_batch) {
        const std::string request = random_request(random_, events, is_batch);
        std::string_view rest = request;
        while (!rest.empty()) {
            const std::size_t bytes = random_.one_in(2) ? rest.size() : 1 + random_.below(rest.size());
            connection.send(rest.substr(0, bytes));
            rest.remove_prefix(bytes);
        }
        const auto response = connection.receive();
        ASSERT_EQ(response.status, 202) << response.body << "\n" << request.substr(0, 2'000);
        const json reply = json::parse(response.body);
        ASSERT_EQ(reply.at("accepted"), events.size()) << response.body;
        for (std::size_t i = 0; i < events.size(); ++i)
            EXPECT_EQ(reply.at("results").at(i).at("messageId"), events[i].document.at("messageId"));
        for (Sent& event : events) {
            const auto id = event.document.at("messageId").get<std::string>();
            sent_.emplace(id, std::move(event));
        }
    }

    Random random_{harness::seed()};
    Pipeline pipeline_;
    std::map<std::string, Sent> sent_;  ///< by message ID
};

TEST_F(PropertyTest, whatever_json_goes_in_comes_out_of_kafka_equal_and_in_order) {
    // A busy machine's broker may be slow to confirm; sending again would change the order that is checked.
    const auto ingest = pipeline_.start_ingest({{"ACTIVITY_INGEST_ACK_TIMEOUT_MS", "60000"}});
    Connection connection(pipeline_.ingest());
    int number = 0;
    while (number < events_wanted) {
        const bool is_batch = random_.one_in(2);
        std::vector<Sent> events;
        for (std::size_t i = is_batch ? 1 + random_.below(batch_events_max) : 1; i > 0; --i)
            events.push_back(random_event(random_, number++));
        ASSERT_NO_FATAL_FAILURE(send(connection, std::move(events), is_batch));
    }

    std::size_t records = 0;
    std::map<std::pair<harness::KafkaPartition, std::string>, int> last_of_learner;
    for (const std::string& topic : pipeline_.event_topics()) {
        if (topic.ends_with(".rejected")) continue;
        for (const auto& record : pipeline_.kafka().read(topic)) {
            ++records;
            ASSERT_TRUE(record.value && record.key);
            const json value = json::parse(*record.value);
            const auto found = sent_.find(value.at("messageId").get<std::string>());
            ASSERT_NE(found, sent_.end()) << *record.value;
            const Sent& sent = found->second;
            const auto differs = difference(expected(sent), stored(*record.value), "");
            EXPECT_FALSE(differs) << differs.value_or("") << "\nsent: " << sent.text.substr(0, 2'000);
            EXPECT_EQ(record.header("message-id"), found->first);
            EXPECT_EQ(*record.key, "web/" + sent.document.at("userId").get<std::string>());
            auto& last = last_of_learner.try_emplace({record.at, *record.key}, -1).first->second;
            EXPECT_LT(last, sent.number) << "out of order: " << found->first;
            last = sent.number;
        }
    }
    EXPECT_EQ(records, sent_.size()) << "each once, none lost";
    EXPECT_EQ(sent_.size(), static_cast<std::size_t>(number));
}

}  // namespace
}  // namespace activity
