#pragma once

#include <gtest/gtest.h>
#include <simdjson.h>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"

namespace activity::front_door {

using harness::Connection;
using harness::ConnectionLost;
using harness::Environment;
using harness::http_request;
using harness::HttpHeaders;
using harness::Ledger;
using harness::Outcome;
using harness::Pipeline;
using harness::Program;
using harness::Response;
using harness::wait_until;

/// How long an answer may take that normally takes a moment.
inline constexpr std::chrono::seconds soon{30};
inline constexpr std::size_t mebibyte = 1024 * 1024;

inline std::string good_event(const std::string& message_id) {
    return harness::track(message_id, "learner", "Question Asked").json;
}

inline std::string good_request(const std::string& message_id, const HttpHeaders& more = {}) {
    HttpHeaders headers{{"Authorization", harness::authorization()}};
    headers.insert(headers.end(), more.begin(), more.end());
    return http_request("POST", "/v1/track", good_event(message_id), headers);
}

/// A request with a good key and body, whose lines before the body are the test's.
inline std::string with_lines(const std::string& lines, const std::string& body) {
    return "POST /v1/track HTTP/1.1\r\nHost: activity.test\r\nAuthorization: " + harness::authorization() +
           "\r\n" + lines + "\r\n" + body;
}

inline std::string chunked(const std::string& chunks) {
    return with_lines("Transfer-Encoding: chunked\r\n", chunks);
}

inline std::string one_chunk(const std::string& text) {
    char size[32];
    std::snprintf(size, sizeof size, "%zx", text.size());
    return std::string(size) + "\r\n" + text + "\r\n0\r\n\r\n";
}

/// The member of the reply's document, or of its only result.
inline std::string member(const Response& response, const std::string& name) {
    simdjson::dom::parser parser;
    simdjson::dom::element document;
    std::string_view text;
    if (parser.parse(response.body).get(document)) return "(no JSON)";
    if (!document[name].get(text) || !document.at_pointer("/results/0/" + name).get(text))
        return std::string(text);
    return "(none)";
}

/// One ingest for the tests of a program. After each of them nothing is in Kafka but what the test expects,
/// the program is the same one, and it serves the next client.
class FrontDoor : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { open({}); }
    static void TearDownTestSuite() {
        ingest_.reset();
        pipeline_.reset();
    }
    static void open(const Environment& settings) {
        pipeline_ = std::make_unique<Pipeline>();
        ingest_ = std::make_unique<Program>(pipeline_->start_ingest(settings));
    }

    void SetUp() override { written_before_ = written(); }

    void TearDown() override {
        EXPECT_EQ(written(), written_before_ + expected_in_kafka_) << "something of this got into Kafka";
        for (int i = 0; i < 6; ++i) expect_served();  // by each of the two reactor threads
        EXPECT_TRUE(ingest_->process().running());
    }

    static std::int64_t written() { return pipeline_->kafka().written(pipeline_->event_topics()); }
    static Connection connect() { return Connection(pipeline_->ingest()); }

    /// A good event on that connection is stored, and the answer names it.
    static void expect_served(Connection& connection) {
        const std::string id = harness::new_message_id();
        connection.send(good_request(id));
        const Response response = connection.receive(soon);
        EXPECT_EQ(response.status, 202) << response.body;
        EXPECT_EQ(member(response, "messageId"), id);
    }
    static void expect_served() {
        Connection connection = connect();
        expect_served(connection);
    }

    /// Sends a body to an address as a well-behaved client does, and checks the refusal.
    static void expect_refused(const std::string& target, const std::string& body, int status,
                               const std::string& code, const std::string& field, const std::string& what,
                               const HttpHeaders& more = {}) {
        SCOPED_TRACE(what);
        Connection connection = connect();
        HttpHeaders headers{{"Authorization", harness::authorization()}};
        headers.insert(headers.end(), more.begin(), more.end());
        connection.send(http_request("POST", target, body, headers));
        const Response response = connection.receive(soon);
        EXPECT_EQ(response.status, status) << response.body;
        EXPECT_EQ(member(response, "code"), code) << response.body;
        if (!field.empty()) {
            EXPECT_EQ(member(response, "field"), field) << response.body;
        }
    }

    /// Sends bytes that are no clear request, followed by a good request. The first is answered with that
    /// status, the connection ends, and the good one is never looked at.
    static void expect_cut(const std::string& bytes, const std::set<int>& statuses, const std::string& what) {
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

}  // namespace activity::front_door
