#include "ingest/server/connection.h"

#include <gtest/gtest.h>

namespace activity::ingest {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ConnectionTest : public testing::Test {
  protected:
    /// The body of the next request, "" if there is none.
    std::string next() {
        auto result = connection_.next_request(now_);
        if (const auto* error = std::get_if<ProtocolError>(&result))
            connection_.refuse(*error, "X: y\r\n", now_);
        const auto* request = std::get_if<Request>(&result);
        return request == nullptr ? "" : request->body;
    }
    void receive(std::string_view bytes) { connection_.receive(bytes, now_); }
    void reply(const std::string& body) {
        Reply reply;
        reply.body = body;
        connection_.reply(reply, now_);
    }
    /// Takes what is to be sent, as a client would.
    std::string take() {
        std::string output(connection_.output());
        connection_.sent(output.size(), now_);
        return output;
    }
    static std::string post(const std::string& body, const std::string& header = "") {
        return "POST / HTTP/1.1\r\nHost: h\r\n" + header + "Content-Length: " + std::to_string(body.size()) +
               "\r\n\r\n" + body;
    }

    ServerLimits limits_;
    Clock::time_point now_ = Clock::now();
    Connection connection_{limits_, now_};
};

TEST_F(ConnectionTest, WorksOnOneRequestAtATime) {
    receive(post("one") + post("two"));
    EXPECT_EQ(next(), "one");
    EXPECT_FALSE(connection_.wants_input());
    EXPECT_EQ(next(), "");
    reply("1");
    EXPECT_EQ(next(), "two");
    reply("2");
    const std::string output = take();
    EXPECT_LT(output.find("\r\n\r\n1"), output.find("\r\n\r\n2"));
    EXPECT_FALSE(connection_.finished());
}

TEST_F(ConnectionTest, AnswersAClientThatHasStoppedSending) {
    receive(post("last"));
    EXPECT_EQ(next(), "last");
    connection_.end_of_input();
    EXPECT_FALSE(connection_.finished());
    reply("1");
    EXPECT_NE(take().find("Connection: close"), std::string::npos);
    EXPECT_TRUE(connection_.finished());
}

TEST_F(ConnectionTest, ClosesAfterAnErrorAndThrowsTheRestAway) {
    receive("NONSENSE\r\n\r\n" + post("hidden"));
    EXPECT_EQ(next(), "");
    const std::string output = take();
    EXPECT_TRUE(output.starts_with("HTTP/1.1 400 "));
    EXPECT_NE(output.find("Connection: close"), std::string::npos);
    EXPECT_NE(output.find("\r\nX: y\r\n"), std::string::npos);
    EXPECT_TRUE(connection_.should_shut_down());
    EXPECT_FALSE(connection_.should_shut_down());
    receive(post("hidden"));
    EXPECT_EQ(next(), "");
    connection_.end_of_input();
    EXPECT_TRUE(connection_.finished());
}

TEST_F(ConnectionTest, HonoursTheClientsWishToClose) {
    receive(post("x", "Connection: close\r\n"));
    EXPECT_EQ(next(), "x");
    reply("1");
    EXPECT_NE(take().find("Connection: close"), std::string::npos);
    EXPECT_TRUE(connection_.should_shut_down());
}

TEST_F(ConnectionTest, KeepsToHttp10) {
    receive("POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx");
    EXPECT_EQ(next(), "x");
    reply("1");
    EXPECT_NE(take().find("Connection: close"), std::string::npos);
}

TEST_F(ConnectionTest, SendsNoBodyToHead) {
    receive("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_EQ(connection_.next_request(now_).index(), 1U);
    reply("123");
    const std::string output = take();
    EXPECT_NE(output.find("Content-Length: 3\r\n"), std::string::npos);
    EXPECT_TRUE(output.ends_with("\r\n\r\n"));
}

TEST_F(ConnectionTest, AsksForABodyThatWaitsForIt) {
    receive("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    EXPECT_EQ(next(), "");
    EXPECT_EQ(take(), "HTTP/1.1 100 Continue\r\n\r\n");
    receive("ab");
    EXPECT_EQ(next(), "ab");
}

TEST_F(ConnectionTest, DoesNotGrantMoreTimeToOneWhoDrips) {
    receive("POST");
    const auto deadline = connection_.deadline();
    EXPECT_EQ(deadline, now_ + limits_.header_timeout);
    now_ += seconds(5);
    receive(" / HT");
    EXPECT_EQ(next(), "");
    EXPECT_EQ(connection_.deadline(), deadline);
    now_ += seconds(6);
    const auto error = connection_.expire();
    ASSERT_TRUE(error);
    connection_.refuse(*error, "", now_);
    EXPECT_TRUE(take().starts_with("HTTP/1.1 408 "));
}

TEST_F(ConnectionTest, GivesABodyItsOwnTime) {
    receive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n");
    EXPECT_EQ(next(), "");
    const auto deadline = now_ + limits_.body_timeout;
    EXPECT_EQ(connection_.deadline(), deadline);
    now_ += seconds(20);
    receive("drip");
    EXPECT_EQ(next(), "");
    EXPECT_EQ(connection_.deadline(), deadline);
}

/// So that a page's script can be let read the refusal.
TEST_F(ConnectionTest, TellsWhatHasComeOfARequestThatIsRefused) {
    receive(
        "POST / HTTP/1.1\r\nHost: h\r\nOrigin: https://school.example\r\nContent-Length: 1000000\r\n\r\n");
    auto result = connection_.next_request(now_);
    ASSERT_EQ(std::get<ProtocolError>(result).status, 413);
    EXPECT_EQ(connection_.seen().origin, "https://school.example");
}

TEST_F(ConnectionTest, AsksNobodyOfHttp10ForABody) {
    receive("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    EXPECT_EQ(next(), "");
    EXPECT_EQ(take(), "");
    receive("ab");
    EXPECT_EQ(next(), "ab");
}

TEST_F(ConnectionTest, ClosesAnIdleOneWithoutAWord) {
    receive(post("x"));
    EXPECT_EQ(next(), "x");
    reply("1");
    take();
    EXPECT_EQ(connection_.deadline(), now_ + limits_.idle_timeout);
    EXPECT_FALSE(connection_.expire());
    EXPECT_TRUE(connection_.finished());
    EXPECT_EQ(connection_.output(), "");
}

TEST_F(ConnectionTest, ReadsNothingFromAClientThatDoesNotTakeItsReply) {
    receive(post("x"));
    EXPECT_EQ(next(), "x");
    reply("1");
    connection_.sent(1, now_);
    EXPECT_FALSE(connection_.wants_input());
    EXPECT_EQ(connection_.deadline(), now_ + limits_.write_timeout);
    EXPECT_FALSE(connection_.expire());
    EXPECT_TRUE(connection_.finished());
}

TEST_F(ConnectionTest, HasNoDeadlineWhileOthersWorkOnItsRequest) {
    receive(post("x"));
    EXPECT_EQ(next(), "x");
    EXPECT_EQ(connection_.deadline(), Clock::time_point::max());
}

TEST_F(ConnectionTest, EndsAfterTheRequestInWorkWhenTheServerDrains) {
    receive(post("x"));
    EXPECT_EQ(next(), "x");
    connection_.drain(now_);
    reply("1");
    EXPECT_NE(take().find("Connection: close"), std::string::npos);
}

TEST_F(ConnectionTest, StillAnswersARequestThatWasOnItsWayWhenTheServerDrains) {
    connection_.drain(now_);
    EXPECT_LE(connection_.deadline(), now_ + seconds(1));
    receive(post("x"));
    EXPECT_EQ(next(), "x");
    reply("1");
    EXPECT_NE(take().find("Connection: close"), std::string::npos);
}

}  // namespace
}  // namespace activity::ingest
