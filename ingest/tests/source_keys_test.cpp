// Who may send, and how much (row 29): keys, origins, rates and drop rules, and changes of their file while
// clients send.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <thread>

#include "ingest/tests/front_door.h"
#include "ingest/tests/gzip_bytes.h"
#include "schemas/sources/source.h"

namespace activity::front_door {
namespace {

std::string source(const std::string& name, const std::string& key, const std::string& rest = "") {
    return "[[source]]\nname = \"" + name + "\"\nkeys = [{ sha256 = \"" + format_hash(hash_key(key)) +
           "\" }]\n" + rest + "\n";
}

class SourceKeysTest : public FrontDoor {
  protected:
    static void SetUpTestSuite() {
        directory_ = std::make_unique<harness::Directory>("sources");
        harness::write_file(file(), usual());
        open({{"ACTIVITY_SOURCES", file()}, {"ACTIVITY_INGEST_BODY_TIMEOUT_MS", "3000"}});
    }
    static void TearDownTestSuite() {
        FrontDoor::TearDownTestSuite();
        directory_.reset();
    }
    void TearDown() override {
        put(usual());
        FrontDoor::TearDown();
    }

    static std::string file() { return directory_->path() / "sources.toml"; }

    static std::string usual() {
        return source("web", harness::write_key,
                      "origins = [\"https://school.example\", \"https://*.school.example\"]\n") +
               source("off", "key-of-a-source-that-is-off", "enabled = false\n") +
               "[[source]]\nname = \"old\"\nkeys = [{ sha256 = \"" + format_hash(hash_key("expired-key")) +
               "\", expires = 2026-01-01T00:00:00Z }]\n\n";
    }

    /// Puts the file in its place as a whole, and waits until ingest has taken it over.
    static void put(const std::string& text) {
        const std::size_t before = ingest_->logged("sources reloaded");
        if (harness::read_file(file()) == text) return;
        harness::write_file(file() + ".new", text);
        std::filesystem::rename(file() + ".new", file());
        wait_until("the sources are taken over",
                   [&] { return ingest_->logged("sources reloaded") > before; });
    }

    /// A good event under a key, on that connection.
    static Response send(Connection& connection, const std::string& key, const HttpHeaders& more = {},
                         const std::string& event = "Question Asked") {
        HttpHeaders headers{{"Authorization", harness::authorization(key)}};
        headers.insert(headers.end(), more.begin(), more.end());
        const std::string body = harness::track(harness::new_message_id(), "learner", event).json;
        connection.send(http_request("POST", "/v1/track", body, headers));
        return connection.receive(soon);
    }

    static inline std::unique_ptr<harness::Directory> directory_;
};
TEST_F(SourceKeysTest, without_a_good_key_the_body_is_not_even_parsed) {
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
    EXPECT_EQ(status({{"Authorization", harness::authorization("expired-key")}}, event), 401);
    EXPECT_EQ(status({{"Authorization", harness::authorization("key-of-a-source-that-is-off")}}, "{{{"), 403);
    EXPECT_EQ(status({}, R"({"userId":"u","event":"Question Asked","writeKey":"wrong"})"), 401);
    EXPECT_EQ(status({}, R"({"userId":"u","event":"Question Asked","writeKey":7})"), 401);
    // And both ways to give a good one.
    EXPECT_EQ(status({{"Authorization", harness::authorization()}}, event), 202);
    EXPECT_EQ(status({}, R"({"userId":"u","event":"Question Asked","writeKey":")" +
                             std::string(harness::write_key) + "\"}"),
              202);
    expected_in_kafka_ += 2;
}

/// A stranger's body is neither unpacked nor parsed: it is refused for its key, not for what is wrong with
/// it.
TEST_F(SourceKeysTest, a_strangers_body_is_refused_for_its_key_whatever_it_is) {
    Connection connection = connect();
    const HttpHeaders wrong{{"Authorization", harness::authorization("wrong")}};
    const HttpHeaders wrong_and_packed{wrong[0], {"Content-Encoding", "gzip"}};
    const std::string bomb = gzip(std::string(100'000'000, ' '));
    const auto expect_unauthorized = [&](const std::string& request) {
        connection.send(request);
        const Response response = connection.receive(soon);
        EXPECT_EQ(response.status, 401) << response.body;
        EXPECT_EQ(member(response, "code"), "invalid_write_key");
        EXPECT_TRUE(response.has("www-authenticate"));
    };
    const std::string rubbish(500'000, '[');
    for (int i = 0; i < 20; ++i) {
        expect_unauthorized(http_request("POST", "/v1/batch", rubbish, wrong));
        expect_unauthorized(http_request("POST", "/v1/batch", bomb, wrong));
        expect_unauthorized(http_request("POST", "/v1/batch", bomb, wrong_and_packed));
        expect_unauthorized(http_request("POST", "/v1/batch?writeKey=wrong", bomb));
    }
    expect_served(connection);
    ++expected_in_kafka_;
}

TEST_F(SourceKeysTest, a_key_is_revoked_and_given_back_while_clients_send) {
    put(usual() + source("app", "key-1"));
    std::atomic<int> accepted{0}, refused{0}, others{0}, unmoved{0};
    {
        // Both on one connection each, which nothing of this may cost them.
        std::jthread app([&](const std::stop_token& stop) {
            Connection connection = connect();
            while (!stop.stop_requested()) {
                const int status = send(connection, "key-1").status;
                ++(status == 202 ? accepted : status == 401 ? refused : others);
            }
        });
        std::jthread web([&](const std::stop_token& stop) {
            Connection connection = connect();
            while (!stop.stop_requested()) {
                EXPECT_EQ(send(connection, harness::write_key).status, 202);
                ++unmoved;
            }
        });
        for (int round = 0; round < 3; ++round) {
            int before = accepted;
            wait_until("the app is served", [&] { return accepted > before + 20; });
            EXPECT_EQ(refused > 0, round > 0) << "refused before its key was revoked";
            put(usual() + source("app", "key-2"));
            before = refused;
            wait_until("the revoked key is refused", [&] { return refused > before + 20; });
            before = accepted;
            wait_until("it stays refused", [&] { return refused > 50; });
            EXPECT_EQ(accepted, before) << "a revoked key was taken";
            put(usual() + source("app", "key-1"));
        }
        const int before = unmoved;
        wait_until("the other source is served", [&] { return unmoved > before + 20; });
    }
    EXPECT_EQ(others, 0);
    expected_in_kafka_ += accepted + unmoved;
}

TEST_F(SourceKeysTest, a_broken_file_changes_nothing_but_a_metric) {
    Connection connection = connect();
    EXPECT_EQ(ingest_->metric("activity_ingest_sources_valid"), 1);
    for (const std::string broken :
         {"[[source", "[[source]]\nname = \"web\"\nkeys = [{ sha256 = \"abc\" }]\n", ""}) {
        harness::write_file(file(), broken);
        wait_until("the mistake is seen",
                   [&] { return ingest_->metric("activity_ingest_sources_valid") == 0; });
        expect_served(connection);
        ++expected_in_kafka_;
        EXPECT_EQ(send(connection, "key-of-a-source-that-is-off").status, 403);
        EXPECT_TRUE(ingest_->is_ready());
        put(usual());
        EXPECT_EQ(ingest_->metric("activity_ingest_sources_valid"), 1);
    }
}

TEST_F(SourceKeysTest, a_source_beyond_its_rate_hears_when_to_come_again) {
    put(usual() + source("limited", "limited-key", "events_per_second = 0.5\nburst_events = 5\n"));
    Connection limited = connect();
    Connection other = connect();
    const auto is_number = [](const std::string& text) {
        return !text.empty() &&
               std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    };
    Response response = send(limited, "limited-key");
    EXPECT_EQ(response.status, 202) << response.body;
    EXPECT_EQ(response.header("x-ratelimit-limit"), "5");
    EXPECT_EQ(response.header("x-ratelimit-remaining"), "4");
    ++expected_in_kafka_;
    for (int i = 1; i < 1'000 && (response = send(limited, "limited-key")).status == 202; ++i)
        ++expected_in_kafka_;
    ASSERT_EQ(response.status, 429) << response.body;
    EXPECT_EQ(member(response, "code"), "rate_limited");
    EXPECT_EQ(response.header("x-ratelimit-limit"), "5");
    EXPECT_EQ(response.header("x-ratelimit-remaining"), "0");
    EXPECT_TRUE(is_number(response.header("x-ratelimit-reset"))) << response.header("x-ratelimit-reset");
    ASSERT_TRUE(is_number(response.header("retry-after"))) << response.header("retry-after");
    const std::chrono::seconds wait(std::stoi(response.header("retry-after")));
    EXPECT_GE(wait.count(), 1);
    EXPECT_LE(wait.count(), 2) << "a token every two seconds";
    for (int i = 0; i < 20; ++i) {
        expect_served(other);
        ++expected_in_kafka_;
    }
    EXPECT_FALSE(send(other, harness::write_key).has("x-ratelimit-limit")) << "this source has no limit";
    ++expected_in_kafka_;
    EXPECT_GT(ingest_->metric("activity_ingest_requests_limited_total", "limited"), 0);
    // The promise is about time, so here a test waits for time.
    std::this_thread::sleep_for(wait);
    response = send(limited, "limited-key");
    EXPECT_EQ(response.status, 202) << response.body << " although it came when it was told to";
    ++expected_in_kafka_;
}

TEST_F(SourceKeysTest, a_drop_rule_is_taken_over_while_clients_send) {
    Connection connection = connect();
    const auto status = [&](const std::string& event) {
        return send(connection, harness::write_key, {}, event).status;
    };
    EXPECT_EQ(status("Video Paused"), 202);
    std::string text = usual();
    text.insert(text.find("origins"), "drop = [{ activity = \"Video Paused\" }]\n");
    put(text);
    const Response dropped = send(connection, harness::write_key, {}, "video_paused");
    EXPECT_EQ(dropped.status, 200) << dropped.body;
    EXPECT_NE(dropped.body.find(R"("dropped":1)"), std::string::npos) << dropped.body;
    EXPECT_EQ(member(dropped, "code"), "drop_rule");
    EXPECT_EQ(status("Question Asked"), 202);
    EXPECT_GE(ingest_->metric("activity_ingest_events_dropped_total"), 1);
    put(usual());
    EXPECT_EQ(status("Video Paused"), 202);
    expected_in_kafka_ += 3;
}

// --- pages of other origins

TEST_F(SourceKeysTest, a_preflight_is_answered_by_the_origins_of_the_sources) {
    Connection connection = connect();
    const auto preflight = [&](const std::string& origin) {
        connection.send(http_request("OPTIONS", "/v1/batch", "",
                                     {{"Origin", origin},
                                      {"Access-Control-Request-Method", "POST"},
                                      {"Access-Control-Request-Headers", "authorization,content-type"}}));
        Response response = connection.receive(soon);
        EXPECT_EQ(response.status, 204);
        EXPECT_EQ(response.header("vary"), "Origin") << "or a cache gives it to another page";
        return response;
    };
    for (const std::string origin : {"https://school.example", "https://lms.school.example"}) {
        const Response listed = preflight(origin);
        EXPECT_EQ(listed.header("access-control-allow-origin"), origin);
        EXPECT_EQ(listed.header("access-control-allow-credentials"), "true");
        EXPECT_EQ(listed.header("access-control-max-age"), "86400");
        EXPECT_NE(listed.header("access-control-allow-methods").find("POST"), std::string::npos);
        for (const char* name : {"authorization", "content-type", "content-encoding", "idempotency-key"})
            EXPECT_NE(listed.header("access-control-allow-headers").find(name), std::string::npos) << name;
    }
    for (const std::string origin : {"https://elsewhere.example", "https://school.example.evil.example",
                                     "http://school.example", "https://school.example:8443", "null"}) {
        EXPECT_FALSE(preflight(origin).has("access-control-allow-origin")) << origin;
    }
    put(usual() + source("any", "any-key", "origins = [\"*\"]\n"));
    const Response any = preflight("https://elsewhere.example");
    EXPECT_EQ(any.header("access-control-allow-origin"), "*");
    EXPECT_FALSE(any.has("access-control-allow-credentials")) << "any page could act for a user";
    EXPECT_EQ(preflight("https://school.example").header("access-control-allow-origin"),
              "https://school.example");
    EXPECT_EQ(send(connection, "any-key", {{"Origin", "https://elsewhere.example"}}).status, 202);
    const Response not_its_own =
        send(connection, harness::write_key, {{"Origin", "https://elsewhere.example"}});
    EXPECT_EQ(not_its_own.status, 403);
    EXPECT_EQ(member(not_its_own, "code"), "origin_not_allowed");
    ++expected_in_kafka_;
}

/// An SDK repeats what it cannot read: a page's script must see every refusal's status, and when to come
/// again.
TEST_F(SourceKeysTest, a_page_can_read_why_it_was_refused) {
    put(usual() +
        source("slow", "slow-key",
               "events_per_second = 0.01\nburst_events = 1\norigins = [\"https://school.example\"]\n"));
    const HttpHeaders page{{"Origin", "https://school.example"}};
    const auto expect_readable = [](const Response& response, int status) {
        SCOPED_TRACE(status);
        EXPECT_EQ(response.status, status) << response.body;
        EXPECT_EQ(response.header("access-control-allow-origin"), "https://school.example");
        EXPECT_EQ(response.header("vary"), "Origin");
        EXPECT_NE(response.header("access-control-expose-headers").find("retry-after"), std::string::npos);
    };
    Connection connection = connect();
    expect_readable(send(connection, "wrong", page), 401);
    expect_readable(send(connection, "slow-key", page), 202);
    ++expected_in_kafka_;
    expect_readable(send(connection, "slow-key", page), 429);
    const std::string lines =
        "Authorization: " + harness::authorization() + "\r\nOrigin: https://school.example\r\n";
    const auto answer = [&](const std::string& more) {
        Connection other = connect();
        other.send("POST /v1/track HTTP/1.1\r\nHost: activity.test\r\n" + lines + more);
        return other.receive(soon);
    };
    expect_readable(answer("Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"), 400);
    expect_readable(answer("Content-Length: 600000\r\n\r\n"), 413);
    expect_readable(answer("Transfer-Encoding: chunked\r\n\r\n927c0\r\n"), 413);
    expect_readable(answer("Content-Encoding: br\r\nContent-Length: 5\r\n\r\nhello"), 415);
    expect_readable(answer("Expect: more\r\nContent-Length: 5\r\n\r\nhello"), 417);
    expect_readable(answer("Content-Length: 5\r\n\r\nhell"), 408);  // after its time
}

}  // namespace
}  // namespace activity::front_door
