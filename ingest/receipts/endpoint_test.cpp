#include "ingest/receipts/endpoint.h"

#include <gtest/gtest.h>
#include <httplib.h>

#include <string>

namespace activity::receipts {
namespace {

class EndpointTest : public ::testing::Test {
  protected:
    static std::optional<Asker> find_asker(std::string_view key) {
        if (key == "web-key") return Asker{"web", true};
        if (key == "old-key") return Asker{"old", false};
        return std::nullopt;
    }

    Receipt find_receipt(const std::string& message_id, std::string_view source) {
        asked_ = std::string(source) + "/" + message_id;
        if (message_id == "busy") throw Busy("too many");
        if (message_id == "away") throw Unavailable("connection to 10.0.0.1 refused");
        if (message_id == "odd") throw std::runtime_error("a mistake of ours");
        Receipt receipt;
        receipt.message_id = message_id;
        if (message_id == "unknown") {
            receipt.not_searched = "only the newest 5 of 9 dead letters were looked through";
        } else {
            receipt.status = Status::accepted;
        }
        return receipt;
    }

    httplib::Result get(const std::string& target,
                        const httplib::Headers& headers = {{"Authorization", "Basic d2ViLWtleTo="}}) {
        return client().Get(target, headers);
    }
    httplib::Client client() const { return httplib::Client("127.0.0.1", endpoint_.address().port); }

    static std::string code(const httplib::Result& result) {
        const auto at = result->body.find("\"code\":\"") + 8;
        return result->body.substr(at, result->body.find('"', at) - at);
    }

    prometheus::Registry registry_;
    Metrics metrics_{registry_};
    std::string asked_;
    Endpoint endpoint_{
        {{"127.0.0.1", 0}, 2, 100},
        find_asker,
        [this](const std::string& id, std::string_view source) { return find_receipt(id, source); },
        metrics_};
};

TEST_F(EndpointTest, AnswersWhoeverHoldsTheKeyInAnyOfThreePlaces) {
    for (const auto& [target, headers] : {
             std::pair<std::string, httplib::Headers>{"/v1/receipts/m1",
                                                      {{"Authorization", "Basic d2ViLWtleTo="}}},
             {"/v1/receipts/m1", {{"Authorization", "basic d2ViLWtleTpwYXNzd29yZA=="}}},
             {"/v1/receipts/m1", {{"Authorization", "Bearer web-key"}}},
             {"/v1/receipts/m1?writeKey=web-key", {}},
         }) {
        asked_.clear();
        const auto result = get(target, headers);
        ASSERT_TRUE(result);
        EXPECT_EQ(result->status, 200) << result->body;
        EXPECT_EQ(result->get_header_value("Content-Type"), "application/json");
        EXPECT_EQ(result->get_header_value("Cache-Control"), "no-store");
        EXPECT_EQ(asked_, "web/m1");
    }
}

TEST_F(EndpointTest, TheIdIsOneSegmentOfThePathAsItWasEncoded) {
    for (const auto& [segment, id] : {std::pair<std::string, std::string>{"a%2Fb", "a/b"},
                                      {"a%20b", "a b"},
                                      {"a+b", "a+b"},
                                      {"%25%32%46", "%2F"},
                                      {"%E2%82%AC%0a", "€\n"},
                                      {std::string(100, 'x'), std::string(100, 'x')}}) {
        const auto result = get("/v1/receipts/" + segment);
        ASSERT_TRUE(result);
        EXPECT_EQ(result->status, 200) << segment;
        EXPECT_EQ(asked_, "web/" + id);
    }
    asked_.clear();
    for (const std::string segment : {"a%2", "a%zz", "%"}) {
        EXPECT_EQ(get("/v1/receipts/" + segment)->status, 400) << segment;
    }
    const auto too_long = get("/v1/receipts/" + std::string(101, 'x'));
    EXPECT_EQ(too_long->status, 400);
    EXPECT_EQ(code(too_long), "invalid_message_id");
    for (const auto* path :
         {"/", "/v1/receipts", "/v1/receipts/", "/v1/receipts/a/b", "/v1/receipt/a", "/v2/x"}) {
        const auto result = get(path);
        EXPECT_EQ(result->status, 404) << path;
        EXPECT_EQ(code(result), "not_found") << path;
    }
    EXPECT_EQ(asked_, "");
}

TEST_F(EndpointTest, WithoutAGoodKeyNothingIsLookedUp) {
    const auto none = get("/v1/receipts/m1", {});
    EXPECT_EQ(none->status, 401);
    EXPECT_EQ(code(none), "missing_write_key");
    EXPECT_NE(none->get_header_value("WWW-Authenticate"), "");
    const auto wrong = get("/v1/receipts/m1", {{"Authorization", "Bearer nobody"}});
    EXPECT_EQ(wrong->status, 401);
    EXPECT_EQ(code(wrong), "invalid_write_key");
    const auto off = get("/v1/receipts/m1", {{"Authorization", "Bearer old-key"}});
    EXPECT_EQ(off->status, 403);
    EXPECT_EQ(code(off), "source_disabled");
    EXPECT_EQ(asked_, "");
}

TEST_F(EndpointTest, WhatIsNotKnownIsAProblemThatSaysWhatWasNotSearched) {
    const auto result = get("/v1/receipts/unknown");
    EXPECT_EQ(result->status, 404);
    EXPECT_EQ(result->get_header_value("Content-Type"), "application/problem+json");
    EXPECT_EQ(code(result), "unknown");
    EXPECT_NE(result->body.find("newest 5 of 9 dead letters"), std::string::npos);
}

TEST_F(EndpointTest, WhatPassesIsToBeAskedAgain) {
    const auto busy = get("/v1/receipts/busy");
    EXPECT_EQ(busy->status, 429);
    EXPECT_EQ(code(busy), "rate_limited");
    EXPECT_EQ(busy->get_header_value("Retry-After"), "1");
    const auto away = get("/v1/receipts/away");
    EXPECT_EQ(away->status, 503);
    EXPECT_EQ(code(away), "unavailable");
    EXPECT_EQ(away->get_header_value("Retry-After"), "1");
    EXPECT_EQ(away->body.find("10.0.0.1"), std::string::npos) << "where servers are is nobody's business";
    const auto odd = get("/v1/receipts/odd");
    EXPECT_EQ(odd->status, 500);
    EXPECT_EQ(odd->body.find("mistake"), std::string::npos);
}

TEST_F(EndpointTest, HeadIsGetWithoutItsBody) {
    const auto result = client().Head("/v1/receipts/m1", {{"Authorization", "Bearer web-key"}});
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, 200);
    EXPECT_EQ(result->body, "");
    EXPECT_EQ(result->get_header_value("Content-Length"),
              std::to_string(get("/v1/receipts/m1")->body.size()));
}

TEST_F(EndpointTest, OtherMethodsAreToldWhatThereIs) {
    const auto options = client().Options("/v1/receipts/m1");
    ASSERT_TRUE(options);
    EXPECT_EQ(options->status, 204);
    EXPECT_EQ(options->get_header_value("Allow"), "GET, HEAD, OPTIONS");
    for (const auto& result :
         {client().Post("/v1/receipts/m1", "{}", "application/json"),
          client().Put("/v1/receipts/m1", "{}", "application/json"), client().Delete("/v1/receipts/m1"),
          client().Post("/x\ny", "{}", "text/plain")}) {
        ASSERT_TRUE(result);
        EXPECT_EQ(result->status, 405);
        EXPECT_EQ(code(result), "method_not_allowed");
        EXPECT_EQ(result->get_header_value("Allow"), "GET, HEAD, OPTIONS");
    }
    EXPECT_EQ(asked_, "");
}

/// What a GET carries as a body must never become somebody's next request.
TEST_F(EndpointTest, EveryAnswerEndsItsConnection) {
    EXPECT_EQ(get("/v1/receipts/m1")->get_header_value("Connection"), "close");
    EXPECT_EQ(get("/nothing")->get_header_value("Connection"), "close");
    EXPECT_EQ(client().Post("/v1/receipts/m1", "{}", "application/json")->get_header_value("Connection"),
              "close");
}

}  // namespace
}  // namespace activity::receipts
