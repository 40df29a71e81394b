#include "schemas/wire/record.h"

#include <gtest/gtest.h>

#include "schemas/wire/client_options.h"

namespace activity::wire {
namespace {

TEST(Record, IsKeyedByTheUserWithinItsSource) {
    ActivityEvent event;
    event.source = "web";
    event.anonymous_id = "anon";
    EXPECT_EQ(record_key(event), "web/anon");
    event.user_id = "user";
    EXPECT_EQ(record_key(event), "web/user");
}

TEST(Record, TellsInItsHeadersWhatAWorkerNeedsBeforeTheValue) {
    ActivityEvent event;
    event.message_id = "m-1";
    event.source = "web";
    event.user_id = "u";
    event.activity = "Question Asked";
    event.received_at = parse_timestamp("2026-11-21T14:28:00Z").value();
    const Record record = make_record(event, "activity.live-class", "question_asked");
    const Headers expected{{"message-id", "m-1"},
                           {"source", "web"},
                           {"schema", "question_asked"},
                           {"received-at", "2026-11-21T14:28:00.000Z"},
                           {"attempt", "0"}};
    EXPECT_EQ(record.headers, expected);
    EXPECT_EQ(record.value, canonical_json(event));
}

TEST(ClientOptions, AreReadFromOneLine) {
    const ClientOptions expected{{"sasl.mechanism", "SCRAM-SHA-512"}, {"sasl.password", "a=b"}};
    EXPECT_EQ(parse_client_options("sasl.mechanism=SCRAM-SHA-512;sasl.password=a=b;"), expected);
    EXPECT_THROW(parse_client_options("nonsense"), std::invalid_argument);
    EXPECT_THROW(parse_client_options("a=1;a=2"), std::invalid_argument);
}

}  // namespace
}  // namespace activity::wire
