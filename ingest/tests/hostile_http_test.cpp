// Clients that send what they should not, or go away when they should not. Whatever comes, it is refused with
// a reason, nothing of it reaches Kafka, and the next client is served.

#include <gtest/gtest.h>
#include <simdjson.h>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"

namespace activity {
namespace {

using harness::Connection;
using harness::ConnectionLost;
using harness::http_request;
using harness::HttpHeaders;
using harness::Ledger;
using harness::Pipeline;
using harness::Program;
using harness::Response;

constexpr std::chrono::seconds soon{15};

std::string good_event(const std::string& message_id) {
    return harness::track(message_id, "learner", "Question Asked").json;
}

std::string good_request(const std::string& message_id) {
    return http_request("POST", "/v1/track", good_event(message_id),
                        {{"Authorization", harness::authorization()}});
}

/// A request with a good key and body, whose lines before the body are the test's.
std::string with_lines(const std::string& lines, const std::string& body) {
    return "POST /v1/track HTTP/1.1\r\nHost: activity.test\r\nAuthorization: " + harness::authorization() +
           "\r\n" + lines + "\r\n" + body;
}

std::string chunked(const std::string& chunks) {
    return with_lines("Transfer-Encoding: chunked\r\n", chunks);
}

std::string one_chunk(const std::string& text) {
    char size[32];
    std::snprintf(size, sizeof size, "%zx", text.size());
    return std::string(size) + "\r\n" + text + "\r\n0\r\n\r\n";
}

/// The member of the reply's document, or of its only result.
std::string member(const Response& response, const std::string& name) {
    simdjson::dom::parser parser;
    simdjson::dom::element document;
    std::string_view text;
    if (parser.parse(response.body).get(document)) return "(no JSON)";
    if (!document[name].get(text) || !document.at_pointer("/results/0/" + name).get(text))
        return std::string(text);
    return "(none)";
}

class HostileHttpTest : public ::testing::Test {
  protected:
    static void SetUpTestSuite() {
        pipeline_ = std::make_unique<Pipeline>();
        ingest_ = std::make_unique<Program>(
            pipeline_->start_ingest({{"ACTIVITY_INGEST_HEADER_TIMEOUT_MS", "1500"},
                                     {"ACTIVITY_INGEST_BODY_TIMEOUT_MS", "1500"},
                                     {"ACTIVITY_INGEST_IDLE_TIMEOUT_MS", "1500"},
                                     {"ACTIVITY_INGEST_WRITE_TIMEOUT_MS", "1500"}}));
    }
    static void TearDownTestSuite() {
        ingest_.reset();
        pipeline_.reset();
    }

    void SetUp() override { written_before_ = written(); }

    /// Nothing came of it, on both reactor threads the next client is served, and the program is the same
    /// one.
    void TearDown() override {
        EXPECT_EQ(written(), written_before_ + expected_in_kafka_) << "something of this got into Kafka";
        for (int i = 0; i < 6; ++i) {
            Connection connection(pipeline_->ingest());
            const std::string id = harness::new_message_id();
            connection.send(good_request(id));
            const Response response = connection.receive(soon);
            EXPECT_EQ(response.status, 202) << response.body;
            EXPECT_EQ(member(response, "messageId"), id);
        }
        EXPECT_TRUE(ingest_->process().running());
    }

    static std::int64_t written() { return pipeline_->kafka().written(pipeline_->event_topics()); }
    static Connection connect() { return Connection(pipeline_->ingest()); }

    /// Sends a body to an address as a well-behaved client does, and checks the refusal.
    static void expect_refused(const std::string& target, const std::string& body, int status,
                               const std::string& code, const std::string& field, const std::string& what) {
        SCOPED_TRACE(what);
        Connection connection = connect();
        connection.send(http_request("POST", target, body, {{"Authorization", harness::authorization()}}));
        const Response response = connection.receive(soon);
        EXPECT_EQ(response.status, status) << response.body;
        EXPECT_EQ(member(response, "code"), code) << response.body;
        if (!field.empty()) {
            EXPECT_EQ(member(response, "field"), field) << response.body;
        }
    }

    /// Sends bytes that are no clear request, followed by a good request. The first is answered with that
    /// status, the connection ends, and the good one is never looked at.
    static void expect_cut(const std::string& bytes, std::set<int> statuses, const std::string& what) {
        SCOPED_TRACE(what);
        Connection connection = connect();
        try {
            connection.send(bytes + good_request("smuggled"));
            const Response response = connection.receive(soon);
            EXPECT_TRUE(statuses.contains(response.status)) << response.status << " " << response.body;
            EXPECT_EQ(response.header("connection"), "close");
            EXPECT_NE(member(response, "code"), "(none)") << response.body;
            EXPECT_TRUE(connection.ends_within(soon))
                << "still open, or more was answered: " << connection.unread();
        } catch (const ConnectionLost& lost) {
            ADD_FAILURE() << lost.what();
        }
    }

    static inline std::unique_ptr<Pipeline> pipeline_;
    static inline std::unique_ptr<Program> ingest_;
    std::int64_t written_before_ = 0;
    std::int64_t expected_in_kafka_ = 0;
};

// --- requests that two readers could read in two ways (row 24)

TEST_F(HostileHttpTest, ambiguous_requests_are_refused_and_the_connection_ends) {
    const std::string body = good_event("smuggled");
    const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
    const std::string start = "POST /v1/track HTTP/1.1\r\n";
    const std::string host = "Host: activity.test\r\nAuthorization: " + harness::authorization() + "\r\n";
    const std::vector<std::pair<std::string, std::string>> cases{
        {"Content-Length and Transfer-Encoding",
         with_lines(length + "Transfer-Encoding: chunked\r\n", one_chunk(body))},
        {"Transfer-Encoding and Content-Length",
         with_lines("Transfer-Encoding: chunked\r\n" + length, one_chunk(body))},
        {"two Content-Lengths that differ", with_lines("Content-Length: 5\r\n" + length, body)},
        {"two Content-Lengths that agree", with_lines(length + length, body)},
        {"a list as Content-Length", with_lines("Content-Length: 5, 5\r\n", "hello")},
        {"digits and letters as Content-Length", with_lines("Content-Length: 5abc\r\n", "hello")},
        {"letters as Content-Length", with_lines("Content-Length: abc\r\n", "hello")},
        {"a negative Content-Length", with_lines("Content-Length: -5\r\n", "hello")},
        {"a signed Content-Length", with_lines("Content-Length: +5\r\n", "hello")},
        {"a hexadecimal Content-Length", with_lines("Content-Length: 0x5\r\n", "hello")},
        {"an empty Content-Length", with_lines("Content-Length:\r\n", "")},
        {"a Content-Length beyond 64 bits", with_lines("Content-Length: 18446744073709551621\r\n", "hello")},
        {"a blank before the colon", with_lines("Transfer-Encoding : chunked\r\n", one_chunk(body))},
        {"a blank before Content-Length's colon", with_lines("Content-Length : 5\r\n", "hello")},
        {"a tab before the colon", with_lines("Transfer-Encoding\t: chunked\r\n", one_chunk(body))},
        {"a folded line", with_lines("X-Folded: a\r\n b\r\n" + length, body)},
        {"a folded Transfer-Encoding", with_lines("Transfer-Encoding:\r\n chunked\r\n", one_chunk(body))},
        {"a line that begins with a blank", start + " X: y\r\n" + host + length + "\r\n" + body},
        {"bare line feeds", "POST /v1/track HTTP/1.1\nHost: activity.test\nContent-Length: 0\n\n"},
        {"one bare line feed in the header",
         with_lines("X-Bare: a\nTransfer-Encoding: chunked\r\n" + length, body)},
        {"a bare carriage return in a value", with_lines("X-Bare: a\rb\r\n" + length, body)},
        {"a NUL in a value", with_lines(std::string("X-Nul: a\0b\r\n", 12) + length, body)},
        {"a NUL in a name", with_lines(std::string("X\0Y: a\r\n", 8) + length, body)},
        {"Transfer-Encoding twice",
         with_lines("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", one_chunk(body))},
        {"Transfer-Encoding: identity", with_lines("Transfer-Encoding: identity\r\n" + length, body)},
        {"Transfer-Encoding: chunked, identity",
         with_lines("Transfer-Encoding: chunked, identity\r\n", one_chunk(body))},
        {"Transfer-Encoding: xchunked", with_lines("Transfer-Encoding: xchunked\r\n", one_chunk(body))},
        {"Transfer-Encoding with a control character", with_lines("Transfer-Encoding: \x0b"
                                                                  "chunked\r\n",
                                                                  one_chunk(body))},
        {"Transfer-Encoding in quotes", with_lines("Transfer-Encoding: \"chunked\"\r\n", one_chunk(body))},
        {"no colon", with_lines("Nonsense\r\n" + length, body)},
        {"an empty name", with_lines(": value\r\n" + length, body)},
        {"a blank in a name", with_lines("X Y: z\r\n" + length, body)},
        {"no Host", start + length + "\r\n" + body},
        {"two Hosts", with_lines("Host: other.test\r\n" + length, body)},
        {"a blank in the target", "POST /v1/track HTTP/1.1 HTTP/1.1\r\n" + host + length + "\r\n" + body},
        {"no version", "POST /v1/track\r\n" + host + length + "\r\n" + body},
        {"a version in lower case", "POST /v1/track http/1.1\r\n" + host + length + "\r\n" + body},
        {"a control character in the target",
         "POST /v1/track\x01 HTTP/1.1\r\n" + host + length + "\r\n" + body},
        {"a method with a forbidden character",
         "PO(ST /v1/track HTTP/1.1\r\n" + host + length + "\r\n" + body},
        {"a TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + "\r\n\r\n"},
    };
    for (const auto& [what, bytes] : cases) expect_cut(bytes, {400}, what);
    expect_cut("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}, "HTTP/2");
    expect_cut("POST /v1/track HTTP/9.9\r\n" + host + length + "\r\n" + body, {400, 505},
               "an unknown version");
    expect_cut("POST /v1/track HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n" + one_chunk(body),
               {400}, "chunks in HTTP/1.0");
}

// --- too much (row 23)

TEST_F(HostileHttpTest, what_is_too_large_is_refused_and_its_tail_is_never_read_as_a_request) {
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

// --- chunks (row 25)

TEST_F(HostileHttpTest, chunked_bodies_are_read_right_or_refused) {
    const auto expect_accepted = [&](const std::string& bytes, const std::string& id, std::size_t piece,
                                     const std::string& what) {
        SCOPED_TRACE(what);
        Connection connection = connect();
        for (std::size_t at = 0; at < bytes.size(); at += piece)
            connection.send(std::string_view(bytes).substr(at, piece));
        const Response response = connection.receive(soon);
        EXPECT_EQ(response.status, 202) << response.body;
        EXPECT_EQ(member(response, "messageId"), id);
        ++expected_in_kafka_;
        // The connection is good for another one.
        const std::string next = harness::new_message_id();
        connection.send(good_request(next));
        const Response again = connection.receive(soon);
        EXPECT_EQ(again.status, 202) << again.body;
        EXPECT_EQ(member(again, "messageId"), next);
        ++expected_in_kafka_;
    };
    for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{1'000'000}}) {
        const std::string id = harness::new_message_id();
        const std::string event = good_event(id);
        const std::string in_pieces = std::to_string(piece) + " bytes at a time";
        expect_accepted(chunked(one_chunk(event)), id, piece, "one chunk, " + in_pieces);
        std::string bytes_apart;
        for (const char c : event) bytes_apart += std::string("1\r\n") + c + "\r\n";
        expect_accepted(chunked(bytes_apart + "0\r\n\r\n"), id, piece,
                        "a chunk for every byte, " + in_pieces);
        expect_accepted(good_request(id), id, piece, "no chunks, " + in_pieces);
    }
    const std::string id = harness::new_message_id();
    const std::string event = good_event(id);
    char size[64];
    std::snprintf(size, sizeof size, "%zX;name=\"value\"", event.size());
    expect_accepted(chunked(std::string(size) + "\r\n" + event + "\r\n0\r\n\r\n"), id, 3,
                    "an extension, and upper case");
    std::snprintf(size, sizeof size, "000%zx", event.size());
    expect_accepted(chunked(std::string(size) + "\r\n" + event + "\r\n0\r\n\r\n"), id, 3, "leading zeros");

    for (const auto& [what, chunks] : std::vector<std::pair<std::string, std::string>>{
             {"a negative size", "-5\r\nhello\r\n0\r\n\r\n"},
             {"a size with a sign", "+5\r\nhello\r\n0\r\n\r\n"},
             {"a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"},
             {"no size", "\r\nhello\r\n0\r\n\r\n"},
             {"a size that is no number", "five\r\nhello\r\n0\r\n\r\n"},
             {"a size beyond 64 bits", "10000000000000005\r\nhello\r\n0\r\n\r\n"},
             {"no line end after the data", "5\r\nhello0\r\n\r\n"},
             {"more data than announced", "5\r\nhello you\r\n0\r\n\r\n"},
             {"a bare line feed after the size", "5\nhello\r\n0\r\n\r\n"},
             {"a bare line feed after the data", "5\r\nhello\n0\r\n\r\n"},
         })
        expect_cut(chunked(chunks), {400}, what);
    expect_cut(chunked("ffffffffffffffff\r\nhello"), {400, 413}, "the largest size");
    expect_cut(chunked("7fffffffffffffff\r\nhello"), {400, 413}, "the largest signed size");
}

// --- JSON (rows 26 and 27)

TEST_F(HostileHttpTest, bad_json_is_refused_with_a_reason) {
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

TEST_F(HostileHttpTest, a_refusal_names_the_field_and_the_rule) {
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
TEST_F(HostileHttpTest, a_batch_gets_a_verdict_for_each_event) {
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

// --- keys (row 29), addresses, methods

TEST_F(HostileHttpTest, without_a_good_key_the_body_is_not_even_parsed) {
    const auto status = [](const HttpHeaders& headers, const std::string& body) {
        Connection connection = connect();
        connection.send(http_request("POST", "/v1/track", body, headers));
        return connection.receive(soon).status;
    };
    const std::string event = R"({"userId":"u","event":"Question Asked"})";
    EXPECT_EQ(status({}, event), 401);
    EXPECT_EQ(status({{"Authorization", harness::authorization("wrong")}}, event), 401);
    EXPECT_EQ(status({{"Authorization", harness::authorization("wrong")}}, "{{{ no JSON"), 401);
    EXPECT_EQ(status({{"Authorization", harness::authorization("")}}, event), 401);
    EXPECT_EQ(status({{"Authorization", "Basic !!!"}}, event), 401);
    EXPECT_EQ(status({{"Authorization", "Basic"}}, event), 401);
    EXPECT_EQ(status({{"Authorization", "Negotiate abc"}}, event), 401);
    const int revoked = status({{"Authorization", harness::authorization("revoked-write-key")}}, event);
    EXPECT_TRUE(revoked == 401 || revoked == 403) << revoked;
    EXPECT_EQ(status({}, R"({"userId":"u","event":"Question Asked","writeKey":"wrong"})"), 401);
    EXPECT_EQ(status({}, R"({"userId":"u","event":"Question Asked","writeKey":7})"), 401);
    // And both ways to give a good one.
    EXPECT_EQ(status({{"Authorization", harness::authorization()}}, event), 202);
    EXPECT_EQ(status({}, R"({"userId":"u","event":"Question Asked","writeKey":")" +
                             std::string(harness::write_key) + "\"}"),
              202);
    expected_in_kafka_ += 2;
}

TEST_F(HostileHttpTest, unknown_addresses_and_methods_are_told_apart) {
    Connection connection = connect();
    const auto answer = [&](const std::string& method, const std::string& target) {
        connection.send(http_request(method, target, method == "GET" ? "" : "{}",
                                     {{"Authorization", harness::authorization()}}));
        return connection.receive(soon);
    };
    EXPECT_EQ(answer("POST", "/v1/dance").status, 404);
    EXPECT_EQ(answer("POST", "/").status, 404);
    EXPECT_EQ(answer("GET", "/../../etc/passwd").status, 404);
    const Response wrong_method = answer("DELETE", "/v1/track");
    EXPECT_EQ(wrong_method.status, 405);
    EXPECT_NE(wrong_method.header("allow").find("POST"), std::string::npos);
    EXPECT_EQ(answer("GET", "/metrics").status, 404) << "metrics are not for clients";
}

// --- clients that take their time (rows 21 and 22)

TEST_F(HostileHttpTest, slow_clients_are_cut_in_bounded_time_and_disturb_nobody) {
    const auto started = std::chrono::steady_clock::now();
    std::vector<Connection> slow;
    const std::string request = good_request("smuggled");
    const std::size_t header_end = request.find("\r\n\r\n") + 4;
    for (int i = 0; i < 20; ++i) {
        slow.push_back(connect());  // says nothing at all
        slow.push_back(connect());
        slow.back().send(request.substr(0, 40));  // half a header
        slow.push_back(connect());
        slow.back().send(request.substr(0, header_end + 10));  // half a body
    }
    // One byte now and then prolongs nothing.
    Connection dripping = connect();
    const bool cut = !harness::holds_for(soon, [&, at = std::size_t{0}]() mutable {
        std::string_view byte = std::string_view(request).substr(at++ % header_end, 1);
        const bool sent = dripping.try_send(byte);
        // Others are served meanwhile.
        Connection other = connect();
        const std::string id = harness::new_message_id();
        other.send(good_request(id));
        EXPECT_EQ(member(other.receive(soon), "messageId"), id);
        ++expected_in_kafka_;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        return sent && !dripping.ends_within(std::chrono::milliseconds(0)) && dripping.unread().empty();
    });
    EXPECT_TRUE(cut) << "a client that sends a byte now and then may go on for ever";
    for (Connection& connection : slow) {
        // An answer (408) or none, then the end.
        try {
            const Response response = connection.receive(soon);
            EXPECT_EQ(response.status, 408);
            EXPECT_TRUE(connection.ends_within(soon));
        } catch (const ConnectionLost&) {
        }
    }
    EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(30));
}

TEST_F(HostileHttpTest, a_client_that_never_reads_is_cut_and_costs_nothing) {
    Connection connection = connect();
    const std::string request = "GET /nowhere HTTP/1.1\r\nHost: activity.test\r\n\r\n";
    std::string many;
    while (many.size() < 100'000) many += request;
    const bool cut = !harness::holds_for(std::chrono::seconds(30), [&] {
        for (int i = 0; i < 50; ++i) {
            std::string_view rest = many;
            if (!connection.try_send(rest)) return false;
            if (rest.size() == many.size()) break;
        }
        return true;
    });
    EXPECT_TRUE(cut) << "answers pile up for a client that reads none";
    // Stuck, a server that spins would burn all of this time.
    const auto cpu_before = ingest_->process().cpu_time();
    std::this_thread::sleep_for(std::chrono::seconds(1));
    EXPECT_LT(ingest_->process().cpu_time() - cpu_before, std::chrono::milliseconds(300));
}

// --- many requests on one connection, and clients that go away (row 20)

TEST_F(HostileHttpTest, pipelined_requests_are_answered_in_their_order) {
    Connection connection = connect();
    std::vector<std::string> ids;
    std::string bytes;
    for (int i = 0; i < 15; ++i) {
        ids.push_back(harness::new_message_id());
        bytes += good_request(ids.back());
    }
    connection.send(bytes);
    for (const std::string& id : ids) EXPECT_EQ(member(connection.receive(soon), "messageId"), id);
    expected_in_kafka_ += static_cast<std::int64_t>(ids.size());
}

/// Hundreds of connections that are reset before or at about the time of their answer, and honest clients
/// that get their descriptors right away, while the answers of those who left are still to come. Each honest
/// client checks that its answer names its own message, and the ledger that Kafka has what was acknowledged.
TEST_F(HostileHttpTest, resetting_clients_never_leave_their_answer_to_the_next_one) {
    Pipeline pipeline;
    // Records linger for long, so that many answers are under way at any time.
    auto ingest = pipeline.start_ingest({{"ACTIVITY_INGEST_LINGER_MS", "20"}});
    Ledger ledger;
    std::atomic<int> resets{0}, answers{0};
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(6);
    const auto client = [&](unsigned seed) {
        std::mt19937 random(seed);
        // Between "not yet read" and "already answered"; and until the server has noticed.
        std::uniform_int_distribution<int> stay_us(0, 30'000), gap_us(0, 3'000);
        const auto open = [&](std::vector<Connection>& connections, const std::string& id) {
            ledger.sent(id);
            connections.emplace_back(pipeline.ingest());
            connections.back().send(good_request(id));
        };
        while (std::chrono::steady_clock::now() < end) {
            std::vector<Connection> doomed, honest;
            std::vector<std::string> ids;
            for (int i = 0; i < 20; ++i) open(doomed, harness::new_message_id());
            std::this_thread::sleep_for(std::chrono::microseconds(stay_us(random)));
            for (Connection& connection : doomed) connection.reset();
            resets += static_cast<int>(doomed.size());
            std::this_thread::sleep_for(std::chrono::microseconds(gap_us(random)));
            for (int i = 0; i < 20; ++i) open(honest, ids.emplace_back(harness::new_message_id()));
            for (std::size_t i = 0; i < honest.size(); ++i) {
                const Response response = honest[i].receive(soon);
                if (response.status != 202 || member(response, "messageId") != ids[i]) {
                    ledger.wrong_answer("asked for " + ids[i] + ", got " + response.body);
                    continue;
                }
                ledger.settle(ids[i], harness::Outcome::acknowledged);
                ++answers;
            }
            for (const Connection& connection : honest) {
                if (!connection.unread().empty())
                    ledger.wrong_answer("a second answer: " + connection.unread());
            }
        }
    };
    {
        std::vector<std::jthread> clients;
        for (unsigned seed = 0; seed < 6; ++seed)
            clients.emplace_back([&, seed] {
                try {
                    client(seed);
                } catch (const std::exception& error) {
                    ledger.wrong_answer(error.what());
                }
            });
    }
    std::cout << resets << " resets, " << answers << " answers\n";
    EXPECT_GT(resets, 500);
    EXPECT_GT(answers, 500);
    const auto wrong = ledger.wrong_answers();
    EXPECT_TRUE(wrong.empty()) << wrong.size() << ", the first: " << wrong.front();
    harness::wait_until("all connections are gone",
                        [&] { return ingest.metric("activity_ingest_connections") == 0; });
    harness::wait_until("the producer's queue is empty",
                        [&] { return ingest.metric("activity_ingest_queue_messages") == 0; });
    std::map<std::string, int> in_kafka;
    for (const auto& record : pipeline.kafka().read(pipeline.topic("live-class"))) {
        ++in_kafka[record.header("message-id")];
    }
    for (const auto& [id, outcome] : ledger.outcomes()) {
        const int copies = in_kafka.contains(id) ? in_kafka.at(id) : 0;
        EXPECT_LE(copies, 1) << id;
        if (outcome == harness::Outcome::acknowledged) {
            EXPECT_EQ(copies, 1) << id << " was acknowledged";
        }
    }
}

}  // namespace
}  // namespace activity
