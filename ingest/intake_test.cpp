#include "ingest/intake.h"

#include <gtest/gtest.h>
#include <openssl/sha.h>
#include <prometheus/registry.h>
#include <fstream>

#include "schemas/service/settings.h"

namespace activity::ingest {
namespace {

using std::chrono::milliseconds;

/// Keeps what is published; the test says what becomes of it. Kafka cannot be made to fill a queue on
/// command.
class RecordingPublisher final : public wire::Publisher {
  public:
    wire::Enqueued publish(const wire::Record& record, wire::Ticket ticket) override {
        if (records.size() >= capacity) return wire::Enqueued::queue_full;
        records.push_back(record);
        tickets.push_back(ticket);
        return wire::Enqueued::queued;
    }
    std::vector<wire::Record> records;
    std::vector<wire::Ticket> tickets;
    std::size_t capacity = 1'000;
};

std::string sources_file() {
    const std::string file = testing::TempDir() + "intake_sources.toml";
    const auto hash = [](const std::string& key) {
        unsigned char digest[32];
        ::SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest);
        std::string hex;
        for (const unsigned char byte : digest) {
            char digits[3];
            std::snprintf(digits, sizeof digits, "%02x", byte);
            hex += digits;
        }
        return hex;
    };
    std::ofstream(file) << "[[source]]\nname = \"web\"\nkey_sha256 = [\"" << hash("web-key") << "\"]\n"
                        << "[[source]]\nname = \"old\"\nenabled = false\nkey_sha256 = [\"" << hash("old-key")
                        << "\"]\n";
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

    const std::string track_ = R"({"messageId":"m-1","userId":"u","event":"Question Asked"})";

    Catalogue catalogue_ = Catalogue::load(Catalogue::default_file());
    Sources sources_ = Sources::load(sources_file());
    prometheus::Registry registry_;
    IngestMetrics metrics_{registry_, sources_};
    RecordingPublisher publisher_;
    IntakeShared shared_{catalogue_, sources_, metrics_, publisher_, "activity.", {}, milliseconds(8'000)};
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
    request.content_encoding = "gzip";
    EXPECT_EQ(accept(request)->status, 415);
    EXPECT_TRUE(publisher_.records.empty());
}

TEST_F(IntakeTest, TellsTheFieldAndTheRuleOfABadEvent) {
    const auto reply = accept(post("/v1/track", R"({"messageId":"m","event":"x"})"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 400);
    EXPECT_EQ(
        reply->body,
        R"({"accepted":0,"rejected":1,"results":[{"messageId":"m","status":"rejected","code":"missing_field",)"
        R"("field":"userId","message":"is missing; userId or anonymousId must be given"}]})");
}

}  // namespace
}  // namespace activity::ingest
