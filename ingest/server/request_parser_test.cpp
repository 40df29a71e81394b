#include "ingest/server/request_parser.h"

#include <gtest/gtest.h>
#include <random>

namespace activity::ingest {
namespace {

const ServerLimits limits;

struct Parsed {
    std::vector<Request> requests;
    std::optional<ProtocolError> error;
    std::string rest;
};

/// Feeds the bytes as they would come in pieces of that size.
Parsed parse(std::string_view bytes, std::size_t piece_bytes = SIZE_MAX) {
    RequestParser parser(limits);
    Parsed parsed;
    std::string& input = parsed.rest;
    while (!bytes.empty() && !parsed.error) {
        input += bytes.substr(0, piece_bytes);
        bytes.remove_prefix(std::min(piece_bytes, bytes.size()));
        for (;;) {
            const auto progress = parser.put(input);
            input.erase(0, progress.used);
            parsed.error = progress.error;
            if (!progress.complete) break;
            parsed.requests.push_back(parser.take());
            if (input.empty()) break;
        }
    }
    return parsed;
}

const std::string post =
    "POST /v1/track?x=1 HTTP/1.1\r\nHost: h\r\nAuthorization: Basic a\r\nContent-Type: text/plain\r\n";

TEST(RequestParserHost, IsNoPlaceForOtherBytes) {
    for (const char* host : {"a\xff", "a b", "a\"b", "a<b", "a/b"}) {
        RequestParser parser(limits);
        const auto progress = parser.put("GET /health HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
        ASSERT_TRUE(progress.error) << host;
        EXPECT_EQ(progress.error->status, 400);
    }
    RequestParser parser(limits);
    EXPECT_TRUE(parser.put("GET /health HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n").complete);
}

TEST(RequestParser, ReadsARequest) {
    const Parsed parsed = parse(post + "Content-Length: 5\r\n\r\nhello");
    ASSERT_EQ(parsed.requests.size(), 1U);
    const Request& request = parsed.requests[0];
    EXPECT_EQ(request.method, Method::post);
    EXPECT_EQ(request.path, "/v1/track");
    EXPECT_EQ(request.query, "x=1");
    EXPECT_EQ(request.authorization, "Basic a");
    EXPECT_EQ(request.content_type, "text/plain");
    EXPECT_EQ(request.body, "hello");
}

TEST(RequestParser, ReadsTheSameHoweverTheBytesArrive) {
    const std::string chunked =
        post + "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: t\r\n\r\n";
    const std::string plain = "\r\n" + post + "Content-Length: 5\r\n\r\nhello";
    const std::string stream = chunked + plain + chunked;
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
        const Parsed parsed = parse(stream, piece);
        ASSERT_FALSE(parsed.error) << "in pieces of " << piece;
        ASSERT_EQ(parsed.requests.size(), 3U) << "in pieces of " << piece;
        for (const Request& request : parsed.requests) EXPECT_EQ(request.body, "hello");
        EXPECT_EQ(parsed.rest, "");
    }
}

TEST(RequestParser, ReadsAnEmptyChunkedBodyHoweverTheBytesArrive) {
    for (const std::string end : {"0\r\n\r\n", "0\r\nX: y\r\n\r\n", "00;a=b\r\n\r\n"}) {
        const std::string bytes = post + "Transfer-Encoding: chunked\r\n\r\n" + end;
        for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
            const Parsed parsed = parse(bytes, piece);
            ASSERT_EQ(parsed.requests.size(), 1U) << "in pieces of " << piece;
            EXPECT_EQ(parsed.requests[0].body, "");
        }
    }
}

TEST(RequestParser, BelievesNoTrailer) {
    const Parsed parsed = parse(
        post + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nAuthorization: Basic b\r\nHost: i\r\n\r\n");
    EXPECT_EQ(parsed.requests.at(0).authorization, "Basic a");
}

TEST(RequestParser, ReadsTheAbsoluteForm) {
    EXPECT_EQ(parse("GET http://host/a/b?c HTTP/1.1\r\nHost: h\r\n\r\n").requests.at(0).path, "/a/b");
    EXPECT_EQ(parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").requests.at(0).path, "*");
}

struct Refused {
    const char* what;
    std::string bytes;
    int status;
};

class Smuggling : public testing::TestWithParam<Refused> {};

TEST_P(Smuggling, IsRefusedHoweverTheBytesArrive) {
    const Refused& refused = GetParam();
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, SIZE_MAX}) {
        const Parsed parsed = parse(refused.bytes, piece);
        ASSERT_TRUE(parsed.error) << refused.what << " in pieces of " << piece;
        EXPECT_EQ(parsed.error->status, refused.status) << refused.what;
        EXPECT_TRUE(parsed.requests.empty()) << refused.what;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Requests, Smuggling,
    testing::Values(
        Refused{"CL and TE", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Refused{"TE and CL", post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
        Refused{"two CL", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
        Refused{"two equal CL", post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
        Refused{"CL list", post + "Content-Length: 5, 5\r\n\r\nhello", 400},
        Refused{"CL not a number", post + "Content-Length: 5abc\r\n\r\nhello", 400},
        Refused{"CL with sign", post + "Content-Length: +5\r\n\r\nhello", 400},
        Refused{"CL negative", post + "Content-Length: -1\r\n\r\n", 400},
        Refused{"CL huge", post + "Content-Length: 99999999999999999999999\r\n\r\n", 400},
        Refused{"blank before colon", post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
        Refused{"tab before colon", post + "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", 400},
        Refused{"other TE", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
        Refused{"TE with parameter", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400},
        Refused{"two TE", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
                400},
        Refused{"TE in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Refused{"folded line", post + "X: a\r\n b\r\nContent-Length: 0\r\n\r\n", 400},
        Refused{"folded line with tab", post + "X: a\r\n\tb\r\nContent-Length: 0\r\n\r\n", 400},
        Refused{"bare line feed", "POST / HTTP/1.1\nHost: h\nContent-Length: 0\n\n", 400},
        Refused{"bare line feed in one line", post + "X: a\nContent-Length: 0\r\n\r\n", 400},
        Refused{"control character", post + std::string("X: a\x01") + "\r\n\r\n", 400},
        Refused{"no Host", "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 400},
        Refused{"two Hosts", post + "Host: i\r\nContent-Length: 0\r\n\r\n", 400},
        Refused{"no version", "GET /\r\nHost: h\r\n\r\n", 400},
        Refused{"other version", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 400},
        Refused{"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 12), 400},
        Refused{"chunk size negative", post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400},
        Refused{"chunk size no number", post + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
        Refused{"chunk size beyond 64 bits",
                post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400},
        Refused{"chunk without CRLF", post + "Transfer-Encoding: chunked\r\n\r\n3\r\nhelXX0\r\n\r\n", 400},
        Refused{"chunk too large", post + "Transfer-Encoding: chunked\r\n\r\nffffff\r\n", 413},
        Refused{"chunk header without end",
                post + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(20'000, 'x'), 400},
        Refused{
            "chunk header too long",
            post + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(5'000, 'x') + "\r\nx\r\n0\r\n\r\n",
            400},
        Refused{"trailer too long",
                post + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: " + std::string(5'000, 'x') +
                    "\r\n\r\n",
                400},
        Refused{"body too large", post + "Content-Length: 512001\r\n\r\n", 413},
        Refused{"header too large", post + "X: " + std::string(9'000, 'x') + "\r\n\r\n", 431},
        Refused{"bare line feed beyond the limit", post + "X: " + std::string(9'000, 'x') + "\nY: z\r\n\r\n",
                431},
        Refused{"line feed after an empty line", "\r\n\nGET", 400},
        Refused{"Host in no ASCII", "GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", 400},
        Refused{"Host with a quote", "GET / HTTP/1.1\r\nHost: h\"\r\n\r\n", 400},
        Refused{"header without end", post + std::string(20'000, 'x'), 431},
        Refused{"odd expectation", post + "Expect: the-unexpected\r\nContent-Length: 5\r\n\r\n", 417}),
    [](const auto& test) {
        std::string name = test.param.what;
        for (char& c : name) {
            if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
        }
        return name;
    });

TEST(RequestParser, SurvivesAnyBytes) {
    std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same bytes in every run
    const std::string seed = post + "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n0\r\n\r\n" + post +
                             "Content-Length: 5\r\n\r\nhello";
    for (int run = 0; run < 20'000; ++run) {
        std::string bytes = seed;
        for (int change = 0; change < 3; ++change)
            bytes[random() % bytes.size()] = static_cast<char>(random());
        parse(bytes, 1 + random() % 64);
    }
}

}  // namespace
}  // namespace activity::ingest
