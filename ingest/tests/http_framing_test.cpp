// Where one request ends and the next begins. Whatever two readers could read in two ways is refused and ends
// the connection; whatever HTTP allows a client is read right, in whatever pieces it comes.

#include <string>
#include <thread>
#include <vector>

#include "ingest/tests/front_door.h"

namespace activity::front_door {
namespace {

class HttpFramingTest : public FrontDoor {};

// --- requests that two readers could read in two ways (row 24)

TEST_F(HttpFramingTest, ambiguous_requests_are_refused_and_the_connection_ends) {
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

// --- chunks (row 25)

TEST_F(HttpFramingTest, chunked_bodies_are_read_right_or_refused) {
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

// --- what HTTP allows, and clients do

TEST_F(HttpFramingTest, http_1_0_gets_one_answer_and_the_end) {
    const std::string rest = "Authorization: " + harness::authorization() + "\r\n";
    for (const std::string more :
         {"", "Host: activity.test\r\n", "Connection: keep-alive\r\n", "Expect: 100-continue\r\n"}) {
        SCOPED_TRACE(more);
        const std::string id = harness::new_message_id();
        const std::string body = good_event(id);
        Connection connection = connect();
        connection.send("POST /v1/track HTTP/1.0\r\n" + rest + more +
                        "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n");
        // HTTP/1.0 knows no 100 (RFC 9110, section 10.1.1): the client would take it for the answer.
        EXPECT_FALSE(connection.ends_within(std::chrono::milliseconds(50)));
        EXPECT_EQ(connection.unread(), "");
        connection.send(body + good_request("smuggled"));
        const Response response = connection.receive(soon);
        EXPECT_EQ(response.status, 202) << response.body;
        EXPECT_EQ(member(response, "messageId"), id);
        EXPECT_EQ(response.header("connection"), "close");
        EXPECT_TRUE(connection.ends_within(soon)) << connection.unread();
        ++expected_in_kafka_;
    }
}

TEST_F(HttpFramingTest, head_says_what_get_would_and_sends_no_body) {
    Connection connection = connect();
    const HttpHeaders headers{{"Authorization", harness::authorization()}};
    for (const std::string target : {"/health", "/docs", "/openapi.json", "/activity/1.0.0/activity.js",
                                     "/sourceConfig", "/v1/projects/test-write-key/settings", "/nowhere"}) {
        SCOPED_TRACE(target);
        connection.send(http_request("GET", target, "", headers));
        const Response get = connection.receive(soon);
        EXPECT_EQ(get.status, target == "/nowhere" ? 404 : 200);
        EXPECT_FALSE(get.body.empty());
        // What came after the header would be taken for the next answer.
        connection.send(http_request("HEAD", target, "", headers) + http_request("GET", "/health"));
        const Response head = connection.receive_head(soon);
        EXPECT_EQ(head.status, get.status);
        EXPECT_EQ(head.header("content-length"), std::to_string(get.body.size()));
        EXPECT_EQ(head.header("content-type"), get.header("content-type"));
        EXPECT_EQ(connection.receive(soon).body, R"({"status":"ok"})");
    }
}

TEST_F(HttpFramingTest, options_tells_what_is_allowed) {
    Connection connection = connect();
    const auto options = [&](const std::string& target) {
        connection.send(http_request("OPTIONS", target));
        Response response = connection.receive(soon);
        EXPECT_EQ(response.body, "");
        EXPECT_FALSE(response.has("content-length")) << "not with 204 (RFC 9110, section 8.6)";
        EXPECT_EQ(response.status, 204);
        return response.header("allow");
    };
    EXPECT_EQ(options("/v1/track"), "POST, OPTIONS");
    EXPECT_EQ(options("/v1/batch?writeKey=x"), "POST, OPTIONS");
    EXPECT_EQ(options("/health"), "GET, HEAD, OPTIONS");
    EXPECT_EQ(options("/pixel/v1/track"), "GET, HEAD, OPTIONS");
    connection.send(http_request("OPTIONS", "/nowhere"));
    EXPECT_EQ(connection.receive(soon).status, 404);
    expect_served(connection);
    ++expected_in_kafka_;
}

TEST_F(HttpFramingTest, a_body_that_waits_for_100_is_asked_for) {
    Connection connection = connect();
    for (const std::string expectation : {"100-continue", "100-Continue"}) {
        const std::string id = harness::new_message_id();
        const std::string body = good_event(id);
        const std::string header = with_lines(
            "Expect: " + expectation + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n", "");
        connection.send(header);
        EXPECT_EQ(connection.receive(soon).status, 100);
        connection.send(body);
        const Response response = connection.receive(soon);
        EXPECT_EQ(response.status, 202) << response.body;
        EXPECT_EQ(member(response, "messageId"), id);
        // Whoever does not wait is not told to go on.
        connection.send(header + body);
        EXPECT_EQ(connection.receive(soon).status, 202);
        expected_in_kafka_ += 2;
    }
    const std::string id = harness::new_message_id();
    connection.send(with_lines("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", ""));
    EXPECT_EQ(connection.receive(soon).status, 100);
    connection.send(one_chunk(good_event(id)));
    EXPECT_EQ(member(connection.receive(soon), "messageId"), id);
    ++expected_in_kafka_;
    // A body that would be refused is not asked for, and what it does not know it does not promise.
    expect_cut(with_lines("Expect: 100-continue\r\nContent-Length: 600000\r\n", ""), {413},
               "too large a body that waits");
    expect_cut(with_lines("Expect: the-unexpected\r\nContent-Length: 5\r\n", "hello"), {417},
               "another expectation");
    expect_cut(with_lines("Expect: 100-continue, more\r\nContent-Length: 5\r\n", "hello"), {417},
               "another expectation beside it");
}

TEST_F(HttpFramingTest, pipelined_requests_are_answered_in_their_order) {
    Connection connection = connect();
    std::vector<std::string> ids;
    std::string bytes;
    for (int i = 0; i < 50; ++i) {
        ids.push_back(harness::new_message_id());
        bytes += good_request(ids.back());
    }
    connection.send(bytes);
    for (const std::string& id : ids) EXPECT_EQ(member(connection.receive(soon), "messageId"), id);
    expected_in_kafka_ += static_cast<std::int64_t>(ids.size());
}

/// A client has turns; what it has sent beyond one is answered in the next, also when it has stopped sending.
TEST_F(HttpFramingTest, thousands_of_requests_in_one_write_are_all_answered) {
    Connection only_small = connect();
    std::string bytes;
    for (int i = 0; i < 3'000; ++i) bytes += http_request("GET", "/health");
    std::jthread sender([&] {
        only_small.send(bytes);
        only_small.shut_down_sending();
    });
    for (int i = 0; i < 3'000; ++i) EXPECT_EQ(only_small.receive(soon).body, R"({"status":"ok"})") << i;
    EXPECT_TRUE(only_small.ends_within(soon)) << only_small.unread();

    Connection mixed = connect();
    std::vector<std::string> ids;
    bytes.clear();
    for (int i = 0; i < 40; ++i) {
        bytes += good_request(ids.emplace_back(harness::new_message_id()));
        for (int n = 0; n < i; ++n) bytes += http_request("GET", "/health");
    }
    mixed.send(bytes);
    mixed.shut_down_sending();
    for (int i = 0; i < 40; ++i) {
        EXPECT_EQ(member(mixed.receive(soon), "messageId"), ids[static_cast<std::size_t>(i)]);
        for (int n = 0; n < i; ++n) ASSERT_EQ(mixed.receive(soon).status, 200);
    }
    EXPECT_TRUE(mixed.ends_within(soon)) << mixed.unread();
    expected_in_kafka_ += 40;
}

/// Answers that are known at once do not overtake those that wait for Kafka, and after a broken request comes
/// nothing.
TEST_F(HttpFramingTest, a_pipeline_of_different_requests_keeps_its_order) {
    Connection connection = connect();
    const std::string id = harness::new_message_id();
    const std::string last = harness::new_message_id();
    connection.send(good_request(id) + http_request("GET", "/health") + http_request("HEAD", "/docs") +
                    http_request("POST", "/v1/track", "{", {{"Authorization", harness::authorization()}}) +
                    http_request("OPTIONS", "/v1/track") + good_request(last) +
                    with_lines("Content-Length: 5abc\r\n", "hello") + good_request("smuggled"));
    EXPECT_EQ(member(connection.receive(soon), "messageId"), id);
    EXPECT_EQ(connection.receive(soon).body, R"({"status":"ok"})");
    EXPECT_GT(std::stoul(connection.receive_head(soon).header("content-length")), 0u);
    EXPECT_EQ(connection.receive(soon).status, 400);
    EXPECT_EQ(connection.receive(soon).status, 204);
    EXPECT_EQ(member(connection.receive(soon), "messageId"), last);
    const Response broken = connection.receive(soon);
    EXPECT_EQ(broken.status, 400);
    EXPECT_EQ(broken.header("connection"), "close");
    EXPECT_TRUE(connection.ends_within(soon)) << connection.unread();
    expected_in_kafka_ += 2;
}

TEST_F(HttpFramingTest, unknown_addresses_and_methods_are_told_apart) {
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

}  // namespace
}  // namespace activity::front_door
