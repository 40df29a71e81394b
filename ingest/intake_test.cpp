#include "ingest/intake.h"

#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <unistd.h>
#include <fstream>

#include "ingest/tests/gzip_bytes.h"
#include "ingest/tests/recording_publisher.h"
#include "schemas/service/settings.h"

namespace activity::ingest {
namespace {

using front_door::gzip;
using std::chrono::milliseconds;

/// Tests run side by side, each in a process of its own.
std::string sources_path() {
    return testing::TempDir() + "intake_sources_" + std::to_string(::getpid()) + ".toml";
}

std::string sources_file() {
    const std::string file = sources_path();
    const auto entry = [](const std::string& name, const std::string& key, const std::string& more) {
        return "[[source]]\nname = \"" + name + "\"\nkeys = [{ sha256 = \"" + format_hash(hash_key(key)) +
               "\" }]\n" + more;
    };
    std::ofstream(file) << entry("web", "web-key", "origins = [\"https://school.example\"]\n")
                        << entry("old", "old-key", "enabled = false\n")
                        << entry("any", "any-key", "origins = [\"*\"]\nschema = \"reject\"\n")
                        << entry("slow", "slow-key",
                                 "events_per_second = 1\nburst_events = 2\n"
                                 "drop = [{ activity = \"Noise\" }]\n");
    return file;
}

class IntakeTest : public testing::Test {
  protected:
    static Request post(const std::string& path, const std::string& body) {
        Request request;
        request.method = Method::post;
        request.path = path;
        request.authorization = "Basic d2ViLWtleTo=";  // web-key:
        request.content_type = "application/json";
        request.body = body;
        return request;
    }
    std::optional<Reply> accept(Request request, int descriptor = 1) {
        return intake_.accept(std::move(request), {descriptor, 7}, now_);
    }
    std::vector<Answer> complete(std::vector<wire::DeliveryReport> reports) {
        std::vector<Answer> answers;
        intake_.complete(reports, now_, answers);
        return answers;
    }
    static wire::DeliveryReport persisted(wire::Ticket ticket) { return {ticket, true, ""}; }
    static wire::DeliveryReport lost(wire::Ticket ticket) { return {ticket, false, "_MSG_TIMED_OUT"}; }

    const std::string track_ = R"({"messageId":"m-1","userId":"u","event":"Question Asked",
        "properties":{"courseId":"c","lectureId":"l","questionId":"q"}})";

    Catalogue catalogue_ = Catalogue::load(Catalogue::default_file());
    prometheus::Registry registry_;
    IngestMetrics metrics_{registry_};
    LiveSources sources_{Sources::load(sources_file()), sources_file(), metrics_};
    RecordingPublisher publisher_;
    RejectedEvents rejected_{publisher_, "activity."};
    IntakeShared shared_{catalogue_, sources_, metrics_, publisher_, rejected_, "activity."};
    Clock::time_point now_ = Clock::now();
    Intake intake_{shared_, 3};
};

TEST_F(IntakeTest, AnswersOnlyAfterTheDeliveryReport) {
    EXPECT_FALSE(accept(post("/v1/track", track_)));
    ASSERT_EQ(publisher_.records.size(), 1U);
    EXPECT_EQ(publisher_.records[0].topic, "activity.live-class");
    EXPECT_EQ(publisher_.records[0].key, "web/u");
    EXPECT_EQ(reactor_of(publisher_.tickets[0]), 3U);
    const auto answers = complete({persisted(publisher_.tickets[0])});
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].reply.status, 202);
    EXPECT_EQ(answers[0].id.descriptor, 1);
    EXPECT_EQ(answers[0].reply.body,
              R"({"accepted":1,"rejected":0,"results":[{"messageId":"m-1","status":"accepted"}]})");
}

TEST_F(IntakeTest, SaysComeAgainWhereKafkaDidNotConfirm) {
    EXPECT_FALSE(accept(post("/v1/track", track_)));
    const auto answers = complete({lost(publisher_.tickets[0])});
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].reply.status, 503);
    EXPECT_NE(answers[0].reply.headers.find("Retry-After: "), std::string::npos);
}

TEST_F(IntakeTest, AnswersABatchWhenItsLastRecordIsConfirmed) {
    EXPECT_FALSE(accept(post(
        "/v1/batch", R"({"batch":[{"type":"track","userId":"u","event":"x"},{"type":"track","userId":"u"},
                                             {"type":"page","userId":"u"}]})")));
    ASSERT_EQ(publisher_.records.size(), 2U);
    EXPECT_EQ(publisher_.records[0].topic, "activity.other");
    EXPECT_TRUE(complete({persisted(publisher_.tickets[0])}).empty());
    const auto answers = complete({persisted(publisher_.tickets[1])});
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].reply.status, 202);
    EXPECT_NE(answers[0].reply.body.find(R"("accepted":2,"rejected":1)"), std::string::npos);
    EXPECT_NE(answers[0].reply.body.find(R"("field":"batch[1].event")"), std::string::npos);
}

TEST_F(IntakeTest, ConfirmsNoBatchOfWhichOneRecordFailed) {
    EXPECT_FALSE(accept(
        post("/v1/batch", R"({"batch":[{"type":"page","userId":"u"},{"type":"page","userId":"u"}]})")));
    const auto answers = complete({lost(publisher_.tickets[0]), persisted(publisher_.tickets[1])});
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].reply.status, 503);
}

TEST_F(IntakeTest, AnswersEachRequestUnderItsOwnName) {
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(accept(post("/v1/track", track_), i));
    const auto tickets = publisher_.tickets;
    for (int i = 9; i >= 0; --i) {
        const auto answers = complete({persisted(tickets[static_cast<std::size_t>(i)])});
        ASSERT_EQ(answers.size(), 1U);
        EXPECT_EQ(answers[0].id.descriptor, i);
    }
}

TEST_F(IntakeTest, RefusesWithRetryAfterWhenTheQueueIsFull) {
    publisher_.capacity = 0;
    const auto reply = accept(post("/v1/track", track_));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 503);
    EXPECT_NE(reply->headers.find("Retry-After: 1"), std::string::npos);
}

TEST_F(IntakeTest, AnswersABatchOnceThoughTheQueueFilledInTheMiddle) {
    publisher_.capacity = 1;
    const auto reply =
        accept(post("/v1/batch", R"({"batch":[{"type":"page","userId":"u"},{"type":"page","userId":"u"}]})"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 503);
    EXPECT_TRUE(complete({persisted(publisher_.tickets[0])}).empty());
}

TEST_F(IntakeTest, ForgetsNothingThatIsLate) {
    EXPECT_FALSE(accept(post("/v1/track", track_), 1));
    now_ += milliseconds(8'001);
    std::vector<Answer> answers;
    intake_.expire(now_, answers);
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].reply.status, 503);
    intake_.expire(now_, answers);
    EXPECT_EQ(answers.size(), 1U);
    // The late report finds no other request in its place.
    EXPECT_FALSE(accept(post("/v1/track", track_), 2));
    EXPECT_NE(publisher_.tickets[0], publisher_.tickets[1]);
    EXPECT_TRUE(complete({persisted(publisher_.tickets[0])}).empty());
    EXPECT_EQ(complete({persisted(publisher_.tickets[1])}).at(0).id.descriptor, 2);
}

TEST_F(IntakeTest, AsksForTheKeyBeforeItReadsTheBody) {
    Request request = post("/v1/track", "{not json");
    request.authorization = "Basic eHh4Og==";
    EXPECT_EQ(accept(request)->status, 401);
    request.authorization = "Basic !!!";
    EXPECT_EQ(accept(request)->status, 401);
    request.authorization.clear();
    EXPECT_EQ(accept(request)->status, 401);
    request.authorization = "Basic b2xkLWtleTo=";  // old-key:
    request.body = track_;
    EXPECT_EQ(accept(request)->status, 403);
    EXPECT_TRUE(publisher_.records.empty());
}

TEST_F(IntakeTest, TakesTheKeyFromTheBodyOrAsBearer) {
    Request request = post("/v1/track", R"({"writeKey":"web-key","userId":"u","event":"x"})");
    request.authorization.clear();
    EXPECT_FALSE(accept(request));
    request.body = track_;
    request.authorization = "Bearer web-key";
    EXPECT_FALSE(accept(request));
    EXPECT_EQ(publisher_.records.size(), 2U);
}

TEST_F(IntakeTest, RefusesWhatItDoesNotServe) {
    EXPECT_EQ(accept(post("/v1/nothing", track_))->status, 404);
    Request request = post("/v1/track", track_);
    request.method = Method::get;
    const auto reply = accept(request);
    EXPECT_EQ(reply->status, 405);
    EXPECT_NE(reply->headers.find("Allow: POST"), std::string::npos);
    request = post("/v1/track", track_);
    request.content_type = "application/xml";
    EXPECT_EQ(accept(request)->status, 415);
    request = post("/v1/track", track_);
    request.content_encoding = "br";
    const auto encoding = accept(request);
    EXPECT_EQ(encoding->status, 415);
    EXPECT_NE(encoding->headers.find("Accept-Encoding: gzip"), std::string::npos);
    EXPECT_TRUE(publisher_.records.empty());
}

TEST_F(IntakeTest, TellsTheFieldAndTheRuleOfABadEvent) {
    const auto reply = accept(post("/v1/track", R"({"messageId":"m","event":"x"})"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 400);
    EXPECT_EQ(reply->body,
              R"({"accepted":0,"rejected":1,"code":"missing_field",)"
              R"("message":"userId: is missing; userId or anonymousId must be given",)"
              R"("results":[{"messageId":"m","status":"rejected","code":"missing_field",)"
              R"("field":"userId","message":"is missing; userId or anonymousId must be given"}]})");
}

TEST_F(IntakeTest, UnpacksGzipAlsoWhereNobodySaysSo) {
    Request request = post("/v1/track", gzip(track_));
    request.content_encoding = "gzip";
    EXPECT_FALSE(accept(request));
    request.content_encoding.clear();
    EXPECT_FALSE(accept(request));
    ASSERT_EQ(publisher_.records.size(), 2U);
    EXPECT_EQ(publisher_.records[0].key, "web/u");
    request.body = "\x1f\x8b rubbish";
    EXPECT_EQ(accept(request)->status, 400);
    request.body = gzip(std::string(20'000'000, ' '));
    EXPECT_EQ(accept(request)->status, 413);
    request.content_encoding = "gzip, gzip";
    EXPECT_EQ(accept(request)->status, 415);
}

TEST_F(IntakeTest, AnswersAPreflightForTheOriginsThatSomeSourceTakes) {
    Request request = post("/v1/t", "");
    request.method = Method::options;
    request.authorization.clear();
    request.origin = "https://school.example";
    request.preflight_method = "POST";
    auto reply = accept(request);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 204);
    for (const char* line :
         {"Access-Control-Allow-Origin: https://school.example\r\n",
          "Access-Control-Allow-Credentials: true\r\n", "Access-Control-Allow-Methods: POST, OPTIONS\r\n",
          "Access-Control-Max-Age: 86400\r\n", "Vary: Origin\r\n", "Allow: POST, OPTIONS\r\n",
          "authorization", "x-retry-count", "sentat"}) {
        EXPECT_NE(reply->headers.find(line), std::string::npos) << line << "\n" << reply->headers;
    }
    request.origin = "https://other.example";
    reply = accept(request);
    EXPECT_NE(reply->headers.find("Access-Control-Allow-Origin: *\r\n"), std::string::npos);
    EXPECT_EQ(reply->headers.find("Allow-Credentials"), std::string::npos) << "never together with *";
}

TEST_F(IntakeTest, SaysOnceWhoMayReadItsFiles) {
    Request request = post("/activity/1.0.0/activity.js", "");
    request.method = Method::get;
    for (const char* origin : {"https://school.example", "https://other.example"}) {
        request.origin = origin;
        const auto reply = accept(request);
        ASSERT_TRUE(reply);
        const std::size_t first = reply->headers.find("Access-Control-Allow-Origin: *\r\n");
        EXPECT_NE(first, std::string::npos) << reply->headers;
        EXPECT_EQ(reply->headers.find("Access-Control-Allow-Origin", first + 1), std::string::npos)
            << reply->headers;
    }
}

TEST_F(IntakeTest, TakesEventsOnlyFromPagesThatTheirSourceNames) {
    Request request = post("/v1/track", track_);
    request.origin = "https://other.example";
    auto reply = accept(request);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 403);
    EXPECT_NE(reply->body.find("origin_not_allowed"), std::string::npos);
    EXPECT_NE(reply->headers.find("Access-Control-Allow-Origin"), std::string::npos)
        << "or nobody can read it";
    request.origin = "https://school.example";
    EXPECT_FALSE(accept(request));
    request.origin = "http://ingest.example:8080";
    request.host = "ingest.example:8080";
    EXPECT_FALSE(accept(request)) << "its own documentation";
    const auto answers = complete({persisted(publisher_.tickets[0])});
    EXPECT_NE(answers.at(0).reply.headers.find("Access-Control-Allow-Origin: https://school.example\r\n"),
              std::string::npos);
}

TEST_F(IntakeTest, TakesTheKeyFromTheQuery) {
    Request request = post("/beacon/v1/batch", R"({"batch":[{"type":"page","userId":"u"}]})");
    request.authorization.clear();
    request.content_type.clear();
    request.query = "writeKey=web-key";
    EXPECT_FALSE(accept(request));
    request.query = "writeKey=other-key";
    EXPECT_EQ(accept(request)->status, 401);
}

TEST_F(IntakeTest, TellsASourceBeyondItsRateWhenToComeAgain) {
    Request request = post("/v1/batch", R"({"batch":[{"type":"page","userId":"u","messageId":"1"},
        {"type":"page","userId":"u","messageId":"2"},{"type":"page","userId":"u","messageId":"3"}]})");
    request.authorization = "Bearer slow-key";
    EXPECT_FALSE(accept(request)) << "a batch may leave a debt";
    const auto reply = accept(request);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 429);
    for (const char* line : {"Retry-After: 2\r\n", "X-RateLimit-Limit: 2\r\n", "X-RateLimit-Remaining: 0\r\n",
                             "X-RateLimit-Reset: 3\r\n"}) {
        EXPECT_NE(reply->headers.find(line), std::string::npos) << line << reply->headers;
    }
    request.body = "{not json";
    EXPECT_EQ(accept(request)->status, 429) << "before the body is parsed";
    now_ += std::chrono::seconds(2);
    EXPECT_EQ(accept(request)->status, 400) << "and a bad body costs a token too";
    EXPECT_EQ(accept(request)->status, 429);
    EXPECT_FALSE(accept(post("/v1/track", track_))) << "another source";
}

TEST_F(IntakeTest, DropsWhatASourceDoesNotWantAndSaysSo) {
    Request request = post("/v1/track", R"({"messageId":"m","userId":"u","event":"noise"})");
    request.authorization = "Bearer slow-key";
    const auto reply = accept(request);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 200) << "not 202: nothing is stored";
    EXPECT_EQ(reply->body,
              R"({"accepted":0,"rejected":0,"dropped":1,"results":[{"messageId":"m","status":"dropped",)"
              R"("code":"drop_rule","message":"this source does not want this activity"}]})");
    EXPECT_EQ(metrics_.dropped("slow", "Noise").Value(), 1);
}

TEST_F(IntakeTest, TakesAllOfAnAtomicBatchOrNothing) {
    Request request = post("/v1/batch", R"({"batch":[{"type":"page","messageId":"a","userId":"u"},
                                                     {"type":"page","messageId":"b"}]})");
    request.query = "atomic=true";
    const auto reply = accept(request);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 400);
    EXPECT_NE(reply->body.find(R"({"messageId":"a","status":"rejected","code":"other_event_rejected")"),
              std::string::npos);
    EXPECT_TRUE(publisher_.records.empty());
    request.query = "atomic=yes";
    EXPECT_NE(accept(request)->body.find("invalid_query"), std::string::npos);
    request.query = "atomic=false";
    EXPECT_FALSE(accept(request));
}

TEST_F(IntakeTest, TellsOperatorsOfWhatItRefusesOrMarks) {
    Request request = post("/v1/batch", R"({"batch":[{"type":"page","messageId":"a","secret":"s"},
        {"type":"track","messageId":"b","userId":"u","event":"Question Asked","properties":{}},
        {"type":"page","userId":"u"}]})");
    EXPECT_FALSE(accept(request));
    ASSERT_EQ(publisher_.rejected.size(), 2U) << "a missing message ID is the client's business";
    EXPECT_EQ(publisher_.rejected[0].topic, "activity.rejected");
    EXPECT_EQ(publisher_.rejected[0].key, "a");
    EXPECT_NE(publisher_.rejected[0].value->find(R"("code":"missing_field","field":"batch[0].userId")"),
              std::string::npos);
    EXPECT_EQ(publisher_.rejected[0].value->find("\"s\""), std::string::npos) << "redacted";
    EXPECT_NE(publisher_.rejected[1].value->find(R"("status":"marked","messageId":"b")"), std::string::npos);
    EXPECT_EQ(metrics_.rejected(Reason::missing_field, "web").Value(), 1);
    EXPECT_EQ(metrics_.marked(Mark::schema_violation, "web").Value(), 1);
    EXPECT_EQ(metrics_.marked(Mark::message_id_made, "web").Value(), 1);
    request.authorization = "Bearer any-key";
    EXPECT_FALSE(accept(request));
    EXPECT_EQ(metrics_.rejected(Reason::schema_violation, "any").Value(), 1) << "this source is strict";
}

TEST_F(IntakeTest, AnswersAPixelWithAnImageOnceTheEventIsStored) {
    Request request = post("/pixel/v1/track", "");
    request.method = Method::get;
    request.authorization.clear();
    request.query = "writeKey=web-key&event=Seen&userId=u&properties.courseId=c1&messageId=m";
    EXPECT_FALSE(accept(request));
    ASSERT_EQ(publisher_.records.size(), 1U);
    EXPECT_NE(publisher_.records[0].value->find(R"("properties":{"courseId":"c1"})"), std::string::npos);
    const auto answers = complete({persisted(publisher_.tickets[0])});
    EXPECT_EQ(answers.at(0).reply.status, 200);
    EXPECT_EQ(answers[0].reply.content_type, "image/gif");
    EXPECT_EQ(answers[0].reply.body.substr(0, 6), "GIF89a");
    EXPECT_EQ(answers[0].reply.body.size(), 43U);
    request.query = "writeKey=slow-key&event=Noise&userId=u";
    EXPECT_EQ(accept(request)->content_type, "image/gif") << "a drop rule took it";
    request.query = "writeKey=web-key&event=Seen";
    EXPECT_EQ(accept(request)->status, 400);
    request.query = "event=Seen&userId=u";
    EXPECT_EQ(accept(request)->status, 401);
}

TEST_F(IntakeTest, AnswersWhatBrowserSdksAskFirst) {
    Request request = post("/v1/projects/web-key/settings", "");
    request.method = Method::get;
    request.authorization.clear();
    request.host = "in.example";
    auto reply = accept(request);
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, R"({"integrations":{"Segment.io":{"apiKey":"web-key","apiHost":"in.example/v1",)"
                           R"("protocol":"http"}},"metrics":{"sampleRate":0}})");
    shared_.proxies = *TrustedProxies::parse("10.0.0.0/8");
    request.peer = *ClientAddress::parse("10.1.2.3");
    request.forwarded_protocol = "https";
    EXPECT_NE(accept(request)->body.find(R"("protocol":"https"})"), std::string::npos);
    request.forwarded_protocol = "\xff\"";
    EXPECT_NE(accept(request)->body.find(R"("protocol":"http"})"), std::string::npos);
    request.path = "/v1/projects/nobody/settings";
    EXPECT_EQ(accept(request)->status, 404);
    request.path = "/sourceConfig/";
    request.query = "writeKey=web-key&p=npm";
    EXPECT_NE(accept(request)->body.find(R"("destinations":[])"), std::string::npos);
    request = post("/v1/m", R"({"series":[]})");
    request.authorization.clear();
    EXPECT_EQ(accept(request)->status, 200);
    EXPECT_EQ(metrics_.sdk_metrics.Value(), 1);
}

TEST_F(IntakeTest, ServesItsPagesAlsoWithASlashAndToEveryOrigin) {
    Request request = post("/docs/", "");
    request.method = Method::get;
    EXPECT_EQ(accept(request)->content_type, "text/html; charset=utf-8");
    request.path = "/activity/1.0.0/activity.js/";
    request.origin = "https://school.example";
    const auto reply = accept(request);
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->headers.find("Access-Control-Allow-Origin"),
              reply->headers.rfind("Access-Control-Allow-Origin"))
        << "once: browsers refuse two";
    EXPECT_NE(reply->headers.find("Access-Control-Allow-Origin: *"), std::string::npos);
    EXPECT_NE(reply->headers.find("immutable"), std::string::npos);
}

TEST_F(IntakeTest, KeepsTheClientsAddressBehindATrustedProxy) {
    shared_.proxies = *TrustedProxies::parse("10.0.0.0/8");
    Request request = post("/v1/track", track_);
    request.peer = *ClientAddress::parse("10.1.2.3");
    request.forwarded_for = "1.1.1.1, 203.0.113.77";
    EXPECT_FALSE(accept(request));
    EXPECT_NE(publisher_.records[0].value->find(R"("context":{"ip":"203.0.113.0"})"), std::string::npos);
    request.peer = *ClientAddress::parse("198.51.100.9");
    EXPECT_FALSE(accept(request));
    EXPECT_NE(publisher_.records[1].value->find(R"("context":{"ip":"198.51.100.0"})"), std::string::npos);
}

TEST_F(IntakeTest, TakesNewSourcesOverInTheMiddle) {
    EXPECT_FALSE(accept(post("/v1/track", track_)));
    const std::string file = sources_path();
    std::ofstream(file) << "[[source]]\nname = \"other\"\nkeys = [{ sha256 = \""
                        << format_hash(hash_key("other-key")) << "\" }]\n";
    sources_.poll(activity::now());
    sources_.poll(activity::now());
    EXPECT_EQ(accept(post("/v1/track", track_))->status, 401) << "also a key that was remembered";
    EXPECT_EQ(complete({persisted(publisher_.tickets[0])}).at(0).reply.status, 202)
        << "what was taken before is answered";
}

}  // namespace
}  // namespace activity::ingest
