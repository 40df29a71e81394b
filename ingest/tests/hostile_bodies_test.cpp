// Bodies that are too large, no JSON, no events, or packed to do harm: refused with a reason, and nothing of
// them reaches Kafka.

#include <simdjson.h>
#include <string>
#include <tuple>
#include <vector>

#include "ingest/tests/front_door.h"
#include "ingest/tests/gzip_bytes.h"

namespace activity::front_door {
namespace {

class HostileBodiesTest : public FrontDoor {};

// --- too much (row 23)

TEST_F(HostileBodiesTest, what_is_too_large_is_refused_and_its_tail_is_never_read_as_a_request) {
    const std::string filler(600'000, ' ');
    expect_cut(with_lines("Content-Length: 600000\r\n", filler), {413}, "a body of 600,000 bytes");
    expect_cut(with_lines("Content-Length: 1000000000000\r\n", ""), {413},
               "a body announced with a terabyte");
    expect_cut(chunked("927c0\r\n" + filler + "\r\n0\r\n\r\n"), {413}, "a chunk of 600,000 bytes");
    std::string many_chunks;
    for (int i = 0; i < 60; ++i) many_chunks += "2710\r\n" + std::string(10'000, ' ') + "\r\n";
    expect_cut(chunked(many_chunks + "0\r\n\r\n"), {413}, "many chunks");
    expect_cut(with_lines("X-Large: " + std::string(70'000, 'x') + "\r\nContent-Length: 0\r\n", ""), {431},
               "a header of 70,000 bytes");
    std::string many_headers;
    for (int i = 0; i < 2'000; ++i) many_headers += "X-" + std::to_string(i) + ": y\r\n";
    expect_cut(with_lines(many_headers + "Content-Length: 0\r\n", ""), {431}, "2,000 headers");
    expect_cut(
        "POST /" + std::string(70'000, 'a') + " HTTP/1.1\r\nHost: activity.test\r\nContent-Length: 0\r\n\r\n",
        {414, 431}, "a target of 70,000 bytes");

    // Within HTTP's limits, but not within the API's.
    expect_refused("/v1/track",
                   R"({"userId":"u","event":"Question Asked","properties":{"text":")" +
                       std::string(40'000, 'x') + "\"}}",
                   400, "event_too_large", "", "an event of 40,000 bytes");
    std::string batch = R"({"batch":[)";
    for (int i = 0; i < 2'501; ++i) batch += R"({"type":"track","userId":"u","event":"Question Asked"},)";
    batch.back() = ']';
    expect_refused("/v1/batch", batch + "}", 400, "batch_too_large", "batch", "2,501 events");
}

// --- JSON (rows 26 and 27)

TEST_F(HostileBodiesTest, bad_json_is_refused_with_a_reason) {
    const std::string start = R"({"userId":"u","event":"Question Asked","properties":{"a":)";
    const std::string nested = start + std::string(100'000, '[') + std::string(100'000, ']') + "}}";
    for (const auto& [what, body, code] : std::vector<std::tuple<std::string, std::string, std::string>>{
             {"nothing", "", "malformed_json"},
             {"blanks", "  \r\n ", "malformed_json"},
             {"no JSON", "hello", "malformed_json"},
             {"half a document", start + "1", "malformed_json"},
             {"a wrong literal", start + "tru}}", "malformed_json"},
             {"a trailing comma", start + "[1,]}}", "malformed_json"},
             {"single quotes", start + "'x'}}", "malformed_json"},
             {"a comment", start + "1}} // ", "malformed_json"},
             {"NaN", start + "NaN}}", "malformed_json"},
             {"a leading zero", start + "01}}", "number_out_of_range"},
             {"a control character in a string", start + "\"\n\"}}", "malformed_json"},
             {"an unknown escape", start + "\"\\x41\"}}", "malformed_json"},
             {"bad UTF-8", start + "\"\xff\"}}", "malformed_json"},
             {"UTF-8 longer than needed", start + "\"\xc0\xaf\"}}", "malformed_json"},
             {"half a UTF-8 character", start + "\"\xe2\x82\"}}", "malformed_json"},
             {"a surrogate in UTF-8", start + "\"\xed\xa0\x80\"}}", "malformed_json"},
             {"a lone high surrogate", start + "\"\\ud800\"}}", "malformed_json"},
             {"a lone low surrogate", start + "\"\\udc00x\"}}", "malformed_json"},
             {"two documents", good_event("a") + good_event("b"), "malformed_json"},
             {"two documents on two lines", good_event("a") + "\n" + good_event("b"), "malformed_json"},
             {"a NUL after the document", good_event("a") + std::string(1, '\0'), "malformed_json"},
             {"100,000 levels", nested, "nesting_too_deep"},
             {"2^64", start + "18446744073709551616}}", "number_out_of_range"},
             {"-2^63 - 1", start + "-9223372036854775809}}", "number_out_of_range"},
             {"a number beyond all", start + "1e999}}", "number_out_of_range"},
             {"U+0000 in a string", start + "\"a\\u0000b\"}}", "nul_character"},
             {"U+0000 in a name", start + "{\"a\\u0000b\":1}}}", "nul_character"},
             {"a name twice", start + "1,\"a\":2}}", "duplicate_key"},
             {"a name twice by an escape", start + "1,\"\\u0061\":2}}", "duplicate_key"},
             {"a name twice, deep inside", start + R"([[{"x":{"y":1,"z":2,"y":3}}]]}})", "duplicate_key"},
             {"a name twice at the top", R"({"userId":"u","event":"Question Asked","userId":"v"})",
              "duplicate_key"},
         }) {
        expect_refused("/v1/track", body, 400, code, "", what);
        expect_refused("/v1/identify", body, 400, code, "", what + ", to another address");
    }
    // Exactly what fits is taken.
    Connection connection = connect();
    connection.send(http_request("POST", "/v1/track",
                                 start + "[18446744073709551615,-9223372036854775808,1e308]}}",
                                 {{"Authorization", harness::authorization()}}));
    EXPECT_EQ(connection.receive(soon).status, 202);
    ++expected_in_kafka_;
}

TEST_F(HostileBodiesTest, a_refusal_names_the_field_and_the_rule) {
    for (const auto& [body, code, field] : std::vector<std::tuple<std::string, std::string, std::string>>{
             {R"({"event":"Question Asked"})", "missing_field", "userId"},
             {R"({"userId":"u"})", "missing_field", "event"},
             {R"({"userId":"u","event":""})", "missing_field", "event"},
             {R"({"userId":"","anonymousId":"","event":"e"})", "missing_field", "userId"},
             {R"({"userId":["u"],"event":"e"})", "wrong_type", "userId"},
             {R"({"userId":"u","event":7})", "wrong_type", "event"},
             {R"({"userId":"u","event":"e","properties":[]})", "wrong_type", "properties"},
             {R"({"userId":"u","event":"e","properties":"text"})", "wrong_type", "properties"},
             {R"({"userId":"u","event":"e","context":1})", "wrong_type", "context"},
             {R"({"userId":"u","event":"e","messageId":1})", "wrong_type", "messageId"},
             {R"({"userId":"u","event":"e","messageId":""})", "invalid_message_id", "messageId"},
             {R"({"userId":"u","event":"e","messageId":")" + std::string(101, 'm') + "\"}",
              "invalid_message_id", "messageId"},
             {R"({"userId":")" + std::string(5'000, 'u') + R"(","event":"e"})", "field_too_long", "userId"},
             {R"({"userId":"u","event":")" + std::string(5'000, 'e') + "\"}", "field_too_long", "event"},
             {R"({"userId":"u","event":"e","timestamp":"yesterday"})", "invalid_timestamp", "timestamp"},
             {R"({"userId":"u","event":"e","timestamp":"2026-02-30T00:00:00Z"})", "invalid_timestamp",
              "timestamp"},
             {R"({"userId":"u","event":"e","sentAt":"25:00"})", "invalid_timestamp", "sentAt"},
             {R"({"userId":"u","event":"e","properties":{"answers":[1,2,{"deep":"\u0000"}]}})",
              "nul_character", "properties.answers[2].deep"},
             {R"({"userId":"u\u0000","event":"e"})", "nul_character", "userId"},
             {R"({"userId":"u","event":"e","messageId":"\u0000"})", "nul_character", "messageId"},
             {R"({"userId":"u","event":"e","type":"page"})", "unknown_event_type", "type"},
         })
        expect_refused("/v1/track", body, 400, code, field, body.substr(0, 100));
    for (const std::string body : {"[]", "7", "\"text\"", "null", "true"})
        expect_refused("/v1/track", body, 400, "wrong_type", "", body);
    expect_refused("/v1/batch", R"({"batch":[]})", 400, "empty_batch", "batch", "an empty batch");
    expect_refused("/v1/batch", R"({})", 400, "missing_field", "batch", "no batch");
    expect_refused("/v1/batch", R"({"batch":{}})", 400, "wrong_type", "batch", "an object as batch");
    expect_refused("/v1/group", R"({"userId":"u"})", 400, "missing_field", "groupId",
                   "a group without its ID");
    expect_refused("/v1/alias", R"({"userId":"u"})", 400, "missing_field", "previousId",
                   "an alias of nobody");
}

/// One bad event does not take its neighbours with it (and each is told apart).
TEST_F(HostileBodiesTest, a_batch_gets_a_verdict_for_each_event) {
    Connection connection = connect();
    connection.send(http_request(
        "POST", "/v1/batch",
        R"({"batch":[{"type":"track","messageId":"ok-1","userId":"u","event":"Question Asked"},)"
        R"({"type":"track","messageId":"bad-1","event":"Question Asked"},)"
        R"({"type":"dance","messageId":"bad-2","userId":"u"},7,null,)"
        R"({"messageId":"bad-3","userId":"u","event":"Question Asked"},)"
        R"({"properties":{"a":1,"a":1},"messageId":"bad-4","type":"track","userId":"u","event":"Question Asked"},)"
        R"({"traits":{"plan":"pro"},"messageId":"ok-2","userId":"u","type":"identify"}]})",
        {{"Authorization", harness::authorization()}}));
    const Response response = connection.receive(soon);
    ASSERT_EQ(response.status, 202) << response.body;
    simdjson::dom::parser parser;
    simdjson::dom::element document = parser.parse(response.body);
    EXPECT_EQ(std::int64_t(document["accepted"]), 2);
    EXPECT_EQ(std::int64_t(document["rejected"]), 6);
    std::vector<std::string> seen;
    for (const auto result : document["results"]) {
        std::string_view id, code;
        if (result["messageId"].get(id) || id.empty()) id = "-";
        if (result["code"].get(code)) code = "accepted";
        seen.push_back(std::string(id) + " " + std::string(code));
    }
    EXPECT_EQ(seen, (std::vector<std::string>{
                        "ok-1 accepted", "bad-1 missing_field", "bad-2 unknown_event_type", "- wrong_type",
                        "- wrong_type", "bad-3 missing_field", "bad-4 duplicate_key", "ok-2 accepted"}));
    expected_in_kafka_ += 2;
}

// --- packed bodies

/// Text that gzip cannot pack much.
std::string noise(std::size_t bytes) {
    std::string text;
    std::uint32_t state = 1;
    while (text.size() < bytes) {
        state = state * 1'664'525 + 1'013'904'223;
        text += static_cast<char>('#' + (state >> 24) % 56);  // neither quotes nor backslashes
    }
    return text;
}

const HttpHeaders says_gzip{{"Content-Encoding", "gzip"}};

TEST_F(HostileBodiesTest, packed_bodies_are_read_however_they_come) {
    Connection connection = connect();
    const auto expect_accepted = [&](const std::string& request, const std::string& id) {
        connection.send(request);
        const Response response = connection.receive(soon);
        EXPECT_EQ(response.status, 202) << response.body;
        EXPECT_EQ(member(response, "messageId"), id);
        ++expected_in_kafka_;
    };
    const std::string id = harness::new_message_id();
    const std::string packed = gzip(good_event(id));
    const HttpHeaders key{{"Authorization", harness::authorization()}};
    expect_accepted(http_request("POST", "/v1/track", packed, {key[0], says_gzip[0]}), id);
    expect_accepted(http_request("POST", "/v1/track", packed, {key[0], {"Content-Encoding", "GZip"}}), id);
    expect_accepted(http_request("POST", "/v1/track", packed, key), id);  // an SDK that does not say it
    const std::string in_chunks = "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n";
    expect_accepted(with_lines(in_chunks, one_chunk(packed)), id);
    std::string bytes_apart;
    for (const char c : packed) bytes_apart += std::string("1\r\n") + c + "\r\n";
    expect_accepted(with_lines(in_chunks, bytes_apart + "0\r\n\r\n"), id);

    // As large as a body may be, once it is unpacked.
    std::string batch = R"({"batch":[)";
    const std::string text = noise(25'000);
    for (int i = 0; i < 20; ++i) {
        batch += R"({"type":"track","userId":"u","event":"Question Asked","properties":{"text":")" + text +
                 "\"}},";
    }
    batch.back() = ']';
    batch += "}";
    ASSERT_LT(batch.size(), 512'000u);
    batch.append(512'000 - batch.size(), ' ');
    connection.send(http_request("POST", "/v1/batch", gzip(batch), {key[0], says_gzip[0]}));
    EXPECT_EQ(connection.receive(soon).status, 202);
    expected_in_kafka_ += 20;
    expect_refused("/v1/batch", gzip(batch + " "), 413, "body_too_large_unpacked", "",
                   "one byte more than a body may have", says_gzip);
}

TEST_F(HostileBodiesTest, packed_bodies_that_would_do_harm_are_refused) {
    const std::string packed = gzip(good_event("packed"));
    for (const auto& [what, body, status, code] :
         std::vector<std::tuple<std::string, std::string, int, std::string>>{
             {"half of it", packed.substr(0, packed.size() / 2), 400, "malformed_gzip"},
             {"without its checksum", packed.substr(0, packed.size() - 8), 400, "malformed_gzip"},
             {"with one byte missing", packed.substr(0, packed.size() - 1), 400, "malformed_gzip"},
             {"its header alone", packed.substr(0, 10), 400, "malformed_gzip"},
             {"a byte behind it", packed + "x", 400, "malformed_gzip"},
             {"a request behind it", packed + good_request("smuggled"), 400, "malformed_gzip"},
             {"a second stream behind it", packed + packed, 400, "malformed_gzip"},
             {"packed twice", gzip(packed), 400, "malformed_json"},
             {"packed, and no JSON", gzip("hello"), 400, "malformed_json"},
             {"packed, and nothing", gzip(""), 400, "malformed_json"},
             {"packed, and a name twice", gzip(R"({"userId":"u","event":"e","event":"f"})"), 400,
              "duplicate_key"},
             {"10 MB of blanks", gzip(std::string(10'000'000, ' ')), 413, "body_too_large_unpacked"},
             {"a million brackets", gzip(std::string(1'000'000, '[')), 413, "body_too_large_unpacked"},
             {"100,000 brackets, a hundredfold", gzip(std::string(100'000, '[')), 413,
              "body_too_large_unpacked"},
             {"noise that unpacks to 600,000 bytes", gzip(noise(600'000)), 413, "body_too_large_unpacked"},
         }) {
        expect_refused("/v1/track", body, status, code, "", what, says_gzip);
        expect_refused("/v1/batch", body, status, code, "", what + ", and nobody says so");
    }
    expect_refused("/v1/track", "", 400, "malformed_gzip", "", "nothing that says it is packed", says_gzip);
    expect_refused("/v1/track", good_event("a"), 400, "malformed_gzip", "", "JSON that says it is packed",
                   says_gzip);
    for (const std::string encoding : {"br", "deflate", "gzip, gzip", "identity, gzip", "zstd"}) {
        expect_refused("/v1/track", packed, 415, "unsupported_encoding", "Content-Encoding", encoding,
                       {{"Content-Encoding", encoding}});
    }
}

/// Hundreds of bombs leave nothing behind.
TEST_F(HostileBodiesTest, bombs_take_no_memory) {
    const std::string bomb = http_request("POST", "/v1/batch", gzip(std::string(100'000'000, ' ')),
                                          {{"Authorization", harness::authorization()}, says_gzip[0]});
    std::vector<Connection> connections;
    for (int i = 0; i < 20; ++i) connections.push_back(connect());
    const auto throw_bombs = [&] {
        for (Connection& connection : connections) connection.send(bomb);
        for (Connection& connection : connections) EXPECT_EQ(connection.receive(soon).status, 413);
    };
    throw_bombs();
    const std::size_t resident_before = ingest_->process().resident_bytes();
    for (int i = 0; i < 15; ++i) throw_bombs();
    EXPECT_LT(ingest_->process().resident_bytes(), resident_before + 8 * mebibyte);
}

}  // namespace
}  // namespace activity::front_door
