#include "ingest/dialects/segment.h"

#include <gtest/gtest.h>

namespace activity::ingest {
namespace {

class SegmentTest : public testing::Test {
  protected:
    std::variant<std::vector<Verdict>, Rejection> read(SegmentCall call, std::string body) {
        body_ = std::move(body);
        if (auto rejection = reader_.read(body_)) return *rejection;
        return reader_.verdicts(call, "web", received_);
    }
    std::vector<Verdict> batch(const std::string& events, const std::string& members = "") {
        auto result = read({true, EventType::track}, "{\"batch\":[" + events + "]" + members + "}");
        EXPECT_TRUE(std::holds_alternative<std::vector<Verdict>>(result))
            << std::get<Rejection>(result).message;
        return std::get<std::vector<Verdict>>(std::move(result));
    }
    ActivityEvent event(EventType type, const std::string& body) {
        auto result = read({false, type}, body);
        EXPECT_TRUE(std::holds_alternative<std::vector<Verdict>>(result));
        auto& verdict = std::get<std::vector<Verdict>>(result).at(0);
        EXPECT_NE(verdict.event(), nullptr) << (verdict.event() ? "" : verdict.rejection()->message);
        return verdict.event() == nullptr ? ActivityEvent{} : *verdict.event();
    }
    /// `reason field` of a single track event that must be refused.
    std::string refusal(const std::string& body) {
        auto result = read({false, EventType::track}, body);
        const Rejection* rejection = std::get_if<Rejection>(&result);
        if (rejection == nullptr) rejection = std::get<std::vector<Verdict>>(result).at(0).rejection();
        EXPECT_NE(rejection, nullptr) << body;
        if (rejection == nullptr) return "";
        return std::string(to_string(rejection->reason)) + " " + rejection->field;
    }

    Catalogue catalogue_ = Catalogue::load(Catalogue::default_file());
    SegmentReader reader_{catalogue_, SegmentLimits{}};
    Timestamp received_ = parse_timestamp("2026-11-21T14:00:00Z").value();
    std::string body_;
};

TEST_F(SegmentTest, ReadsATrackEvent) {
    const ActivityEvent e =
        event(EventType::track,
              R"({"messageId":"m-1","type":"track","userId":"u","anonymousId":null,"event":"Question Asked",
        "properties":{"courseId":"c1","n":1.50},"context":{"page":{"path":"/x"}},"integrations":{"All":true},"writeKey":"k"})");
    EXPECT_EQ(e.message_id, "m-1");
    EXPECT_EQ(e.type, EventType::track);
    EXPECT_EQ(e.activity, "Question Asked");
    EXPECT_EQ(e.user_id, "u");
    EXPECT_EQ(e.anonymous_id, "");
    EXPECT_EQ(e.source, "web");
    EXPECT_EQ(e.properties, R"({"courseId":"c1","n":1.5})");
    EXPECT_EQ(e.context, R"({"page":{"path":"/x"}})");
    EXPECT_EQ(e.extra, R"({"integrations":{"All":true}})");
    EXPECT_EQ(e.occurred_at, received_);
}

TEST_F(SegmentTest, MakesAMessageIdWhereThereIsNone) {
    const ActivityEvent e = event(EventType::track, R"({"userId":"u","event":"x"})");
    EXPECT_EQ(e.message_id.size(), 36U);
    EXPECT_EQ(e.message_id[14], '7');
}

TEST_F(SegmentTest, CorrectsTheClientsClockAndKeepsWhatItSaid) {
    const ActivityEvent e = event(
        EventType::track,
        R"({"userId":"u","event":"x","timestamp":"2026-11-21T14:59:00Z","sentAt":"2026-11-21T15:00:00Z"})");
    EXPECT_EQ(e.occurred_at, received_ - std::chrono::minutes(1));
    EXPECT_EQ(e.extra, R"({"originalTimestamp":"2026-11-21T14:59:00Z"})");
}

TEST_F(SegmentTest, PrefersTheOriginalTimestamp) {
    const ActivityEvent e = event(
        EventType::track,
        R"({"userId":"u","event":"x","originalTimestamp":"2026-11-20T00:00:00Z","timestamp":"2026-11-21T00:00:00Z"})");
    EXPECT_EQ(format_timestamp(e.occurred_at), "2026-11-20T00:00:00.000Z");
}

TEST_F(SegmentTest, TakesTraitsForPropertiesWhereTheCallHasTraits) {
    EXPECT_EQ(event(EventType::identify, R"({"userId":"u","traits":{"plan":"pro"}})").properties,
              R"({"plan":"pro"})");
    const ActivityEvent group =
        event(EventType::group, R"({"userId":"u","groupId":"g","traits":{"name":"A"}})");
    EXPECT_EQ(group.properties, R"({"name":"A"})");
    EXPECT_EQ(group.extra, R"({"groupId":"g"})");
    EXPECT_EQ(group.activity, "Group Joined");
    // Also where `type` comes last in a batch's event.
    EXPECT_EQ(batch(R"({"traits":{"a":1},"userId":"u","type":"identify"})").at(0).event()->properties,
              R"({"a":1})");
}

TEST_F(SegmentTest, TakesWholeNumbersForIds) {
    EXPECT_EQ(event(EventType::track, R"({"userId":42,"event":"x"})").user_id, "42");
}

TEST_F(SegmentTest, GivesEveryEventOfABatchItsOwnVerdict) {
    const auto verdicts = batch(R"({"type":"track","messageId":"a","userId":"u","event":"x"},
                                   {"type":"track","messageId":"b","userId":"u"},
                                   7,
                                   {"type":"page","messageId":"c","anonymousId":"n"})",
                                R"(,"sentAt":"2026-11-21T14:00:00Z","context":{"app":"w"})");
    ASSERT_EQ(verdicts.size(), 4U);
    EXPECT_NE(verdicts[0].event(), nullptr);
    EXPECT_EQ(verdicts[0].event()->context, R"({"app":"w"})");
    EXPECT_EQ(verdicts[1].message_id, "b");
    EXPECT_EQ(verdicts[1].rejection()->field, "batch[1].event");
    EXPECT_EQ(verdicts[2].rejection()->field, "batch[2]");
    EXPECT_EQ(verdicts[3].event()->activity, "Page Viewed");
}

TEST_F(SegmentTest, NamesTheFieldAndTheRuleOfABadEvent) {
    EXPECT_EQ(refusal("{"), "malformed_json ");
    EXPECT_EQ(refusal("[]"), "wrong_type ");
    EXPECT_EQ(refusal(R"({"event":"x"})"), "missing_field userId");
    EXPECT_EQ(refusal(R"({"userId":"","anonymousId":"","event":"x"})"), "missing_field userId");
    EXPECT_EQ(refusal(R"({"userId":"u"})"), "missing_field event");
    EXPECT_EQ(refusal(R"({"userId":"u","event":7})"), "wrong_type event");
    EXPECT_EQ(refusal(R"({"userId":true,"event":"x"})"), "wrong_type userId");
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x","messageId":""})"), "invalid_message_id messageId");
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x","messageId":")" + std::string(101, 'm') + "\"}"),
              "invalid_message_id messageId");
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x","messageId":"a\u0000"})"), "nul_character messageId");
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x","timestamp":"yesterday"})"),
              "invalid_timestamp timestamp");
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x","timestamp":1763735280})"), "wrong_type timestamp");
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x","properties":[]})"), "wrong_type properties");
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x","context":"c"})"), "wrong_type context");
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x","properties":{"a":{"b":1,"b":2}}})"),
              "duplicate_key properties.a.b");
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x","event":"y"})"), "duplicate_key event");
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x","other":["\u0000"]})"), "nul_character other[0]");
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x","type":"page"})"), "unknown_event_type type");
    EXPECT_EQ(refusal(R"({"userId":")" + std::string(257, 'u') + R"(","event":"x"})"),
              "field_too_long userId");
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x","properties":{"t":")" + std::string(33'000, 't') + "\"}}"),
              "event_too_large ");
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x","writeKey":7})"), "wrong_type writeKey");
}

TEST_F(SegmentTest, RefusesABatchThatIsNone) {
    const auto reason = [this](const std::string& body) {
        const auto result = read({true, EventType::track}, body);
        EXPECT_TRUE(std::holds_alternative<Rejection>(result)) << body;
        return std::get<Rejection>(result).reason;
    };
    EXPECT_EQ(reason("{}"), Reason::missing_field);
    EXPECT_EQ(reason(R"({"batch":{}})"), Reason::wrong_type);
    EXPECT_EQ(reason(R"({"batch":[]})"), Reason::empty_batch);
    EXPECT_EQ(reason(R"({"batch":[],"batch":[]})"), Reason::duplicate_key);
    EXPECT_EQ(reason(R"({"batch":[{}],"sentAt":"x"})"), Reason::invalid_timestamp);
    std::string many = "{\"batch\":[0";
    for (int i = 0; i < 2'500; ++i) many += ",0";
    EXPECT_EQ(reason(many + "]}"), Reason::batch_too_large);
}

TEST_F(SegmentTest, FindsTheWriteKeyInTheBody) {
    body_ = R"({"writeKey":"k","batch":[]})";
    EXPECT_FALSE(reader_.read(body_));
    EXPECT_EQ(reader_.write_key(), "k");
    body_ = R"({"batch":[]})";
    EXPECT_FALSE(reader_.read(body_));
    EXPECT_EQ(reader_.write_key(), "");
}

}  // namespace
}  // namespace activity::ingest
