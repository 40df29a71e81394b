#include "ingest/dialects/segment.h"

#include <gtest/gtest.h>

namespace activity::ingest {
namespace {

class SegmentTest : public testing::Test {
  protected:
    std::variant<std::vector<Verdict>, Rejection> read(SegmentCall call, std::string body) {
        body_ = std::move(body);
        if (auto rejection = reader_.read(body_)) return *rejection;
        return reader_.verdicts(call, Arrival{source_, received_, address_, idempotency_key_});
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

    static Source web() {
        Source source;
        source.name = "web";
        return source;
    }

    Catalogue catalogue_ = Catalogue::load(Catalogue::default_file());
    SegmentReader reader_{catalogue_, SegmentLimits{}};
    Timestamp received_ = parse_timestamp("2026-11-21T14:00:00Z").value();
    Source source_ = web();
    std::string address_;
    std::string idempotency_key_;
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
    EXPECT_EQ(e.marks, std::vector<Mark>{Mark::message_id_made});
}

TEST_F(SegmentTest, TakesTheIdempotencyKeyOfASingleEventForItsMessageId) {
    idempotency_key_ = "order-4711";
    const ActivityEvent e = event(EventType::track, R"({"userId":"u","event":"x"})");
    EXPECT_EQ(e.message_id, "order-4711");
    EXPECT_TRUE(e.marks.empty());
    EXPECT_EQ(event(EventType::track, R"({"messageId":"m","userId":"u","event":"x"})").message_id, "m");
    // Of a batch it says nothing: all its events would be one.
    EXPECT_NE(batch(R"({"type":"track","userId":"u","event":"x"})")[0].message_id(), "order-4711");
    idempotency_key_ = "\xff\xfe";
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x"})"), "invalid_message_id Idempotency-Key");
    idempotency_key_ = std::string(101, 'k');
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x"})"), "invalid_message_id Idempotency-Key");
    idempotency_key_ = "caf\xe9";  // Latin-1: no worker could read the record
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x"})"), "invalid_message_id Idempotency-Key");
}

/// Extra members lie one level deeper in the record than in the request.
TEST_F(SegmentTest, TakesNothingThatIsNestedTooDeepForAWorker) {
    const auto nested = [](std::size_t levels) {
        return std::string(levels, '[') + std::string(levels, ']');
    };
    const std::string start = R"({"userId":"u","event":"x","messageId":"m",)";
    for (const char* member : {"properties", "extra"}) {
        bool refused = false;
        for (std::size_t levels = json::nesting_max - 6; levels < json::nesting_max + 2; ++levels) {
            std::string body = start + "\"" + member + R"(":{"a":)" + nested(levels) + "}}";
            auto result = read({false, EventType::track}, std::move(body));
            const auto* verdicts = std::get_if<std::vector<Verdict>>(&result);
            const ActivityEvent* taken = verdicts == nullptr ? nullptr : verdicts->at(0).event();
            refused = taken == nullptr;
            if (refused) continue;
            EventReader worker;
            EXPECT_TRUE(std::holds_alternative<ActivityEvent>(worker.read(canonical_json(*taken))))
                << member << " of " << levels << " levels";
        }
        EXPECT_TRUE(refused);
    }
}

TEST_F(SegmentTest, CountsTheCharactersOfAMessageId) {
    std::string id;
    for (int i = 0; i < 100; ++i) id += "ä";
    EXPECT_EQ(event(EventType::track, R"({"userId":"u","event":"x","messageId":")" + id + "\"}").message_id,
              id);
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x","messageId":")" + id + "ä\"}"),
              "invalid_message_id messageId");
}

TEST_F(SegmentTest, ChecksPropertiesAgainstTheSchemaOfTheActivity) {
    const std::string bad =
        R"({"type":"track","userId":"u","messageId":"m","event":"question_asked","properties":{"courseId":7}})";
    auto verdict = batch(bad)[0];
    ASSERT_NE(verdict.event(), nullptr);
    EXPECT_EQ(verdict.event()->marks, std::vector<Mark>{Mark::schema_violation});
    ASSERT_EQ(verdict.warnings.size(), 1U);
    EXPECT_EQ(verdict.warnings[0].field, "batch[0].properties.courseId");
    EXPECT_EQ(verdict.warnings[0].message, "must be of type string");
    EXPECT_EQ(verdict.redacted,
              R"x({"type":"track","userId":"string(1)","messageId":"string(1)","event":"question_asked",)x"
              R"x("properties":{"courseId":"number"}})x");
    EXPECT_EQ(batch(R"({"type":"track","userId":"u","messageId":"m","event":"Question Asked"})")[0]
                  .warnings.at(0)
                  .field,
              "batch[0].properties.courseId")
        << "no properties are an empty object";

    source_.schema = Strictness::reject;
    verdict = batch(bad)[0];
    ASSERT_NE(verdict.rejection(), nullptr);
    EXPECT_EQ(verdict.rejection()->reason, Reason::schema_violation);
    EXPECT_EQ(verdict.rejection()->field, "batch[0].properties.courseId");
    EXPECT_EQ(verdict.message_id(), "m");

    source_.schema = Strictness::off;
    EXPECT_TRUE(batch(bad)[0].event()->marks.empty());
    source_.schema = Strictness::reject;
    EXPECT_NE(batch(R"({"type":"track","userId":"u","messageId":"m","event":"Unheard Of"})")[0].event(),
              nullptr);
}

TEST_F(SegmentTest, MarksOrRefusesWhatLiesOutsideTheWindow) {
    const auto at = [this](const std::string& time) {
        return batch(R"({"type":"track","userId":"u","messageId":"m","event":"x","timestamp":")" + time +
                     "\"}")[0];
    };
    EXPECT_TRUE(at("2026-10-22T14:00:00Z").event()->marks.empty()) << "30 days to the second";
    EXPECT_TRUE(at("2026-11-21T15:00:00Z").event()->marks.empty()) << "an hour ahead to the second";
    for (const char* time : {"2026-10-22T13:59:59Z", "2026-11-21T15:00:01Z"}) {
        source_.time_window = Strictness::mark;
        const auto verdict = at(time);
        ASSERT_NE(verdict.event(), nullptr);
        EXPECT_EQ(verdict.event()->marks, std::vector<Mark>{Mark::time_out_of_window});
        EXPECT_EQ(verdict.warnings.at(0).field, "batch[0].timestamp");
        source_.time_window = Strictness::reject;
        ASSERT_NE(at(time).rejection(), nullptr);
        EXPECT_EQ(at(time).rejection()->reason, Reason::time_out_of_window);
    }
    EXPECT_EQ(at("2026-10-22T13:59:59Z").rejection()->message, "must not be more than 30 days ago");
    EXPECT_EQ(at("2026-11-21T15:00:01Z").rejection()->message, "must not be more than 1 hours ahead");
}

TEST_F(SegmentTest, KeepsTheAddressAsItIsToBeKept) {
    address_ = "192.0.2.0";
    const auto context = [this](const std::string& members) {
        return event(EventType::track, R"({"messageId":"m","userId":"u","event":"x")" + members + "}")
            .context;
    };
    EXPECT_EQ(context(""), R"({"ip":"192.0.2.0"})");
    EXPECT_EQ(context(R"(,"context":{"a":1})"), R"({"a":1,"ip":"192.0.2.0"})");
    EXPECT_EQ(context(R"(,"context":{"ip":"198.51.100.77","a":1})"), R"({"a":1,"ip":"198.51.100.0"})");
    EXPECT_EQ(context(R"(,"context":{"ip":"2001:db8:1:2::3"})"), R"({"ip":"2001:db8:1::"})");
    EXPECT_EQ(context(R"(,"context":{"ip":"no address"})"), "{}");
    EXPECT_EQ(context(R"(,"context":{"a":1,"ip":null})"), R"({"a":1})") << "the client wants none kept";
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x","context":{"ip":"","a":{"b":"\u0000"}}})"),
              "nul_character context.a.b");
    EXPECT_EQ(refusal(R"({"userId":"u","event":"x","context":{"ip":"","a":1,"a":2}})"),
              "duplicate_key context.a");
}

TEST_F(SegmentTest, TakesTheTraitsOfTheContextWhereThereAreNoOthers) {
    EXPECT_EQ(event(EventType::identify, R"({"userId":"u","context":{"traits":{"plan":"pro"}}})").properties,
              R"({"plan":"pro"})");
    EXPECT_EQ(
        event(EventType::identify, R"({"userId":"u","traits":{"a":1},"context":{"traits":{"plan":"pro"}}})")
            .properties,
        R"({"a":1})");
}

TEST_F(SegmentTest, TakesRudderStacksMerge) {
    const std::string identities =
        R"("mergeProperties":[{"type":"email","value":"a@b.example"},{"type":"mobile","value":"+1"}])";
    const ActivityEvent known = event(EventType::merge, R"({"userId":"u",)" + identities + "}");
    EXPECT_EQ(known.learner(), "u");
    EXPECT_EQ(known.activity, "Identities Merged");
    EXPECT_EQ(known.extra, "{" + identities + "}");
    EXPECT_EQ(event(EventType::merge, "{" + identities + "}").anonymous_id, "email:a@b.example");
    const auto refused = [this](const std::string& members) {
        const auto verdict = batch(R"({"type":"merge","userId":"u")" + members + "}")[0];
        EXPECT_NE(verdict.rejection(), nullptr);
        return verdict.rejection() == nullptr ? "" : verdict.rejection()->field;
    };
    EXPECT_EQ(refused(""), "batch[0].mergeProperties");
    EXPECT_EQ(refused(R"(,"mergeProperties":{})"), "batch[0].mergeProperties");
    EXPECT_EQ(refused(R"(,"mergeProperties":[{"type":"a","value":"b"}])"), "batch[0].mergeProperties");
    EXPECT_EQ(refused(R"(,"mergeProperties":[{"type":"a"},{}])"), "batch[0].mergeProperties[0]");
}

TEST_F(SegmentTest, RedactsWhatItRefuses) {
    const auto verdict = batch(
        R"({"type":"track","event":"x","properties":{"text":"a secret","list":["a",1,true,null]},"email":"a@b"})")
        [0];
    EXPECT_EQ(
        verdict.redacted,
        R"x({"type":"track","event":"x","properties":{"text":"string(8)","list":["string(1)","number",)x"
        R"x("boolean",null]},"email":"string(3)"})x");
    EXPECT_EQ(batch("7")[0].redacted, R"("number")");
    EXPECT_TRUE(batch(R"({"type":"page","userId":"u"})")[0].redacted.empty()) << "nothing wrong with it";
    std::string many;
    for (int i = 0; i < 2'000; ++i) many += "\"member" + std::to_string(i) + "\":1,";
    EXPECT_LT(batch("{" + many + R"("type":"x"})")[0].redacted.size(), 5'000U);
}

TEST_F(SegmentTest, CorrectsTheClientsClockAndKeepsWhatItSaid) {
    const ActivityEvent e = event(
        EventType::track,
        R"({"userId":"u","event":"x","timestamp":"2026-11-21T14:59:00Z","sentAt":"2026-11-21T15:00:00Z"})");
    EXPECT_EQ(e.occurred_at, received_ - std::chrono::minutes(1));
    EXPECT_EQ(e.extra, R"({"originalTimestamp":"2026-11-21T14:59:00Z"})");
}

TEST_F(SegmentTest, TakesForTheTimeOfAnEventWhatTheClientSaysOfTheEvent) {
    // RudderStack's SDK for Node.js: originalTimestamp is when it was spoken of.
    const ActivityEvent e = event(
        EventType::track,
        R"({"userId":"u","event":"x","originalTimestamp":"2026-11-20T00:00:00Z","timestamp":"2026-11-21T00:00:00Z"})");
    EXPECT_EQ(format_timestamp(e.occurred_at), "2026-11-21T00:00:00.000Z");
    const ActivityEvent spoken =
        event(EventType::track, R"({"userId":"u","event":"x","originalTimestamp":"2026-11-20T00:00:00Z"})");
    EXPECT_EQ(format_timestamp(spoken.occurred_at), "2026-11-20T00:00:00.000Z");
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
    EXPECT_EQ(verdicts[1].message_id(), "b");
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
