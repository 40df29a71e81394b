#include "loadtest/client/http_client.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "loadtest/client/test_server.h"

namespace activity::loadtest {
namespace {

using namespace std::chrono_literals;
using Clock = HttpClient::Clock;
using testing_loadtest::Peer;
using testing_loadtest::Server;

std::string post(std::string_view body) {
    return "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string(body);
}

std::string ok(std::string_view body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string(body);
}

/// Everything that is open, by ticket.
std::map<std::uint64_t, Finished> finish_all(HttpClient& client) {
    std::map<std::uint64_t, Finished> all;
    const auto deadline = Clock::now() + 10s;
    while (client.open() > 0 && Clock::now() < deadline)
        for (const auto& finished : client.poll(Clock::now() + 100ms)) all[finished.ticket] = finished;
    EXPECT_EQ(client.open(), 0U);
    return all;
}

TEST(HttpClientTest, EachAnswerBelongsToItsRequest) {
    Server server([](Peer& peer) {
        for (auto request = peer.request(); !request.empty(); request = peer.request())
            peer.say(ok(request.substr(request.find("\r\n\r\n") + 4)));
    });
    HttpClient client(server.address(), 8, 5s);
    std::map<std::uint64_t, Finished> all;
    for (std::uint64_t i = 0; i < 5'000; ++i) {
        client.send(i, post("number " + std::to_string(i)));
        if (i % 100 == 99) all.merge(finish_all(client));
    }
    ASSERT_EQ(all.size(), 5'000U);
    for (const auto& [ticket, finished] : all) {
        ASSERT_EQ(finished.how, Finished::How::answered);
        ASSERT_EQ(finished.response.body, "number " + std::to_string(ticket));
    }
    EXPECT_LE(server.connections, 8) << "connections are kept";
}

TEST(HttpClientTest, ReadsAnswersInPiecesAndInChunks) {
    Server server([](Peer& peer) {
        peer.request();
        for (const char c : ok("slowly")) {
            peer.say(std::string_view(&c, 1));
            std::this_thread::sleep_for(1ms);
        }
        peer.request();
        peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nin ch\r\n4\r\nunks\r\n0\r\n\r\n");
        peer.request();
        peer.say("HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
        peer.request();
    });
    HttpClient client(server.address(), 1, 5s);
    for (std::uint64_t i = 0; i < 3; ++i) client.send(i, post("x"));
    EXPECT_EQ(client.waiting(), 2U);
    const auto all = finish_all(client);
    EXPECT_EQ(all.at(0).response.body, "slowly");
    EXPECT_EQ(all.at(1).response.body, "in chunks");
    EXPECT_EQ(all.at(2).response.status, 429U);
    EXPECT_EQ(all.at(2).response.retry_after_s, 7U);
    EXPECT_EQ(server.connections, 1);
}

TEST(HttpClientTest, AServerThatClosesIsConnectedToAgain) {
    Server server([](Peer& peer) {
        peer.request();
        peer.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    });
    HttpClient client(server.address(), 1, 5s);
    for (std::uint64_t i = 0; i < 5; ++i) client.send(i, post("x"));
    for (const auto& [ticket, finished] : finish_all(client))
        EXPECT_EQ(finished.how, Finished::How::answered) << ticket;
    EXPECT_EQ(server.connections, 5);
}

TEST(HttpClientTest, TellsWhatWentWrong) {
    Server server([](Peer& peer) {
        const auto request = peer.request();
        if (request.ends_with("hang up")) return;
        if (request.ends_with("half")) {
            peer.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
            return;
        }
        if (request.ends_with("rubbish")) {
            peer.say("what do you mean?\r\n\r\n");
            return;
        }
        peer.request();  // never an answer
    });
    HttpClient client(server.address(), 4, 200ms);
    client.send(1, post("hang up"));
    client.send(2, post("half"));
    client.send(3, post("rubbish"));
    client.send(4, post("wait"));
    const auto all = finish_all(client);
    EXPECT_EQ(all.at(1).how, Finished::How::lost);
    EXPECT_EQ(all.at(2).how, Finished::How::lost);
    EXPECT_EQ(all.at(3).how, Finished::How::lost);
    EXPECT_EQ(all.at(4).how, Finished::How::timed_out);
}

TEST(HttpClientTest, NobodyThereIsRefused) {
    Address nobody;
    {
        Server server([](Peer&) {});
        nobody = server.address();
    }
    HttpClient client(nobody, 2, 1s);
    client.send(1, post("x"));
    EXPECT_EQ(finish_all(client).at(1).how, Finished::How::refused);
}

TEST(HttpClientTest, PollReturnsInTime) {
    HttpClient client(resolve("127.0.0.1", 9), 1, 1s);
    const auto began = Clock::now();
    EXPECT_TRUE(client.poll(began + 30ms).empty());
    EXPECT_GE(Clock::now() - began, 30ms);
}

TEST(HttpClientTest, UnknownHostsAreRefused) {
    EXPECT_THROW(resolve("no such host.invalid", 80), std::invalid_argument);
}

}  // namespace
}  // namespace activity::loadtest
