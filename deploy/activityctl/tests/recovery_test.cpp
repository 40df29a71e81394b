// What an operator does after something went wrong: dead letters, gaps, reading again. Against real servers.

#include <simdjson.h>

#include "deploy/activityctl/tests/operator.h"
#include "schemas/activity/event.h"
#include "schemas/activity/timestamp.h"

namespace activity::harness {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::SizeIs;

class Recovery : public Operator {
  protected:
    /// A record as ingest writes it.
    KafkaRecord event(const std::string& message_id, const std::string& user = "u1",
                      int partition = 3) const {
        ActivityEvent event;
        event.message_id = message_id;
        event.activity = "Question Asked";
        event.user_id = user;
        event.source = "web";
        event.occurred_at = event.received_at = now();
        KafkaRecord record;
        record.at = {pipeline_.topic("live-class"), partition};
        record.key = "web/" + user;
        record.value = canonical_json(event);
        record.headers = {{"message-id", message_id},
                          {"source", "web"},
                          {"schema", "question_asked"},
                          {"received-at", format_timestamp(event.received_at)},
                          {"attempt", "0"}};
        return record;
    }

    KafkaRecord send(const std::string& message_id, const std::string& user = "u1", int partition = 3) {
        return pipeline_.kafka().write(event(message_id, user, partition));
    }

    /// A dead letter as a worker writes it.
    KafkaRecord put_letter(const KafkaRecord& original, const std::string& reason, std::int64_t offset,
                           const std::string& at = "2026-11-21T14:28:00.000Z") {
        KafkaRecord letter = original;
        letter.at = {pipeline_.dead_letter_topic(), 0};
        const std::vector<std::pair<std::string, std::string>> more{
            {"dead-letter-reason", reason},
            {"dead-letter-detail", "why it was so"},
            {"dead-letter-group", "records"},
            {"dead-letter-topic", original.at.topic},
            {"dead-letter-partition", std::to_string(original.at.partition)},
            {"dead-letter-offset", std::to_string(offset)},
            {"dead-letter-at", at}};
        letter.headers.insert(letter.headers.end(), more.begin(), more.end());
        return pipeline_.kafka().write(letter);
    }

    std::vector<KafkaRecord> retried() { return pipeline_.kafka().read(pipeline_.topic("records.retry-1")); }

    std::int64_t next_offset(int partition = 3) const {
        return pipeline_.session().number("SELECT next_offset FROM activity.part_offset WHERE topic = '" +
                                          pipeline_.topic("live-class") +
                                          "' AND part = " + std::to_string(partition));
    }
};

// --- dlq ---

TEST_F(Recovery, DeadLettersAreListedFilteredAndCounted) {
    EXPECT_THAT(ctl({"dlq", "list"}).err, HasSubstr("No open dead letters"));
    put_letter(event("m1", "u1"), "database", 7, "2026-11-21T10:00:00.000Z");
    put_letter(event("m2", "u2"), "bad_json", 8, "2026-11-21T11:00:00.000Z");
    put_letter(event("m3", "u1"), "database", 9, "2026-11-21T12:00:00.000Z");

    const auto all = ctl({"dlq", "list"});
    EXPECT_EQ(all.code, 0) << all.err;
    EXPECT_THAT(all.out, AllOf(HasSubstr("records/0/0"), HasSubstr("records/0/1"), HasSubstr("records/0/2"),
                               HasSubstr("live-class[3]@7")));
    const auto ids = [&](std::vector<std::string> filter) {
        filter.insert(filter.begin(), {"dlq", "list", "--format", "csv"});
        const auto ran = ctl(filter);
        EXPECT_EQ(ran.code, 0) << ran.err;
        std::string found;
        for (const char id : {'0', '1', '2'})
            if (ran.out.find(std::string("records/0/") + id + ",") != std::string::npos) found += id;
        return found;
    };
    EXPECT_EQ(ids({"--group", "records"}), "012");
    EXPECT_EQ(ids({"--group", pipeline_.group()}), "012");
    EXPECT_EQ(ids({"--reason", "database"}), "02");
    EXPECT_EQ(ids({"--key", "web/u2"}), "1");
    EXPECT_EQ(ids({"--topic", "live-class"}), "012");
    EXPECT_EQ(ids({"--topic", "commerce"}), "");
    EXPECT_EQ(ids({"--since", "2026-11-21T11:00:00Z"}), "12");
    EXPECT_EQ(ids({"--until", "2026-11-21T11:00:00Z"}), "0");
    EXPECT_EQ(ids({"--limit", "1"}), "2");
    EXPECT_EQ(ctl({"dlq", "list", "--group", "nobody"}).code, 1);
    EXPECT_EQ(ctl({"dlq", "list", "--since", "yesterday"}).code, 2);

    simdjson::dom::parser parser;
    const auto json = ctl({"dlq", "list", "--summary", "--json"}).out;
    const auto summary = parser.parse(json).get_array().value();
    ASSERT_EQ(summary.size(), 2U) << json;
    EXPECT_EQ(summary.at(1)["reason"].get_string().value(), "database");
    EXPECT_EQ(summary.at(1)["open"].get_int64().value(), 2);
}

TEST_F(Recovery, ADeadLetterIsShownWithItsOriginalBytes) {
    const std::string bytes("\xff\x00\n\"poison\"", 11);
    auto poison = event("m1");
    poison.value = bytes;
    put_letter(poison, "bad_json", 7);
    const auto people = ctl({"dlq", "show", "records/0/0"});
    EXPECT_EQ(people.code, 0) << people.err;
    EXPECT_THAT(people.out,
                AllOf(HasSubstr("bad_json"), HasSubstr("why it was so"), HasSubstr("live-class[3]@7"),
                      HasSubstr("web/u1"), HasSubstr("message-id = m1"), HasSubstr("11 bytes"),
                      HasSubstr("base64"), Not(HasSubstr("dead-letter-reason"))));
    EXPECT_EQ(ctl({"dlq", "show", "records/0/0", "--raw"}).out, bytes);
    simdjson::dom::parser parser;
    const auto json = ctl({"dlq", "show", "records/0/0", "--json"}).out;
    const auto shown = parser.parse(json);
    EXPECT_EQ(shown["state"].get_string().value(), "open") << json;
    EXPECT_EQ(shown["record"]["headers"]["dead-letter-reason"].get_string().value(), "bad_json");
    const auto missing = ctl({"dlq", "show", "records/0/9"});
    EXPECT_EQ(missing.code, 1);
    EXPECT_THAT(missing.err, HasSubstr("offsets 0 to 0"));
    EXPECT_EQ(ctl({"dlq", "show", "nine"}).code, 2);
}

TEST_F(Recovery, AReplayedDeadLetterIsSentOnceAsItCame) {
    auto original = event("m1");
    original.headers.emplace_back("mine", std::string("\x00\xff", 2));
    put_letter(original, "database", 7);
    put_letter(event("m2", "u2"), "bad_json", 8);

    const auto dry = ctl({"dlq", "replay", "--group", "records", "--reason", "database", "--dry-run"});
    EXPECT_EQ(dry.code, 0) << dry.err;
    EXPECT_THAT(dry.out, AllOf(HasSubstr("records/0/0"), Not(HasSubstr("records/0/1"))));
    EXPECT_THAT(retried(), IsEmpty());
    EXPECT_EQ(ctl({"dlq", "replay", "--group", "records"}).code, 2) << "nobody can be asked";
    EXPECT_THAT(retried(), IsEmpty());

    const auto once = ctl({"dlq", "replay", "--group", "records", "--reason", "database", "--yes"});
    EXPECT_EQ(once.code, 0) << once.err;
    EXPECT_THAT(once.out, HasSubstr("1 dead letter replayed"));
    const auto sent = retried();
    ASSERT_THAT(sent, SizeIs(1));
    EXPECT_EQ(sent[0].key, original.key);
    EXPECT_EQ(sent[0].value, original.value);
    auto headers = original.headers;
    std::erase(headers, std::pair<std::string, std::string>("attempt", "0"));
    headers.insert(headers.end(), {{"attempt", "0"},
                                   {"retry-topic", original.at.topic},
                                   {"retry-partition", "3"},
                                   {"retry-offset", "7"}});
    EXPECT_EQ(sent[0].headers, headers);

    const auto twice = ctl({"dlq", "replay", "--group", "records", "--reason", "database", "--yes"});
    EXPECT_EQ(twice.code, 0) << twice.err;
    EXPECT_THAT(twice.out, HasSubstr("nothing to replay"));
    EXPECT_THAT(ctl({"dlq", "replay", "records/0/0"}).err, HasSubstr("was replayed at"));
    EXPECT_THAT(retried(), SizeIs(1));
    EXPECT_THAT(ctl({"dlq", "replay", "records/0/0", "--again"}).out, HasSubstr("1 dead letter replayed"));
    EXPECT_THAT(retried(), SizeIs(2));

    EXPECT_THAT(ctl({"dlq", "list"}).out, AllOf(HasSubstr("records/0/1"), Not(HasSubstr("records/0/0"))));
    EXPECT_THAT(ctl({"dlq", "list", "--all"}).out, AllOf(HasSubstr("records/0/0"), HasSubstr("replayed")));
    EXPECT_EQ(ctl({"dlq", "replay", "records/0/99"}).code, 1);
    EXPECT_EQ(ctl({"dlq", "replay"}).code, 2);
}

TEST_F(Recovery, AReplayedDeadLetterIsAppliedOnceHoweverOftenItIsReplayed) {
    auto worker = pipeline_.start_worker();
    put_letter(event("m1"), "database", 7);
    EXPECT_EQ(ctl({"dlq", "replay", "records/0/0", "--note", "the column is wider now"}).code, 0);
    wait_until("the worker has applied it", [&] { return pipeline_.stored() == 1; });
    EXPECT_EQ(ctl({"dlq", "replay", "records/0/0", "--again"}).code, 0);
    wait_until("the worker has seen it again",
               [&] { return worker.metric("activity_worker_records_consumed_total") == 2; });
    EXPECT_EQ(pipeline_.stored(), 1);
    EXPECT_THAT(ctl({"dlq", "list", "--all", "--json"}).out, HasSubstr("the column is wider now"));
}

TEST_F(Recovery, ADiscardedDeadLetterIsNoLongerOpen) {
    put_letter(event("m1"), "database", 7);
    EXPECT_EQ(ctl({"dlq", "discard", "records/0/0"}).code, 2) << "without a note";
    EXPECT_EQ(ctl({"dlq", "discard", "records/0/0", "--note", "test data"}).code, 0);
    EXPECT_THAT(ctl({"dlq", "list"}).err, HasSubstr("No open dead letters"));
    EXPECT_THAT(ctl({"dlq", "show", "records/0/0"}).out,
                AllOf(HasSubstr("discarded"), HasSubstr("test data")));
    EXPECT_THAT(ctl({"dlq", "replay", "--group", "records", "--yes"}).out, HasSubstr("nothing to replay"));
    EXPECT_THAT(retried(), IsEmpty());
}

// --- gaps ---

TEST_F(Recovery, AGapIsListedAndAcceptedByName) {
    auto worker = pipeline_.start_worker();
    send("m0");
    pipeline_.wait_caught_up();
    worker.process().stop(SIGTERM, std::chrono::seconds(60));
    EXPECT_THAT(ctl({"gaps", "list"}).err, HasSubstr("No gaps"));
    for (const auto* id : {"m1", "m2", "m3"}) send(id);
    pipeline_.kafka().delete_before({pipeline_.topic("live-class"), 3}, 3);

    const auto listed = ctl({"gaps", "list"});
    EXPECT_EQ(listed.code, 0) << listed.err;
    EXPECT_THAT(listed.out, AllOf(HasSubstr("deleted"),
                                  HasSubstr("--partition '" + pipeline_.topic("live-class") + "[3]'")));
    simdjson::dom::parser parser;
    const auto json = ctl({"gaps", "list", "--json"}).out;
    const auto gap = parser.parse(json).at(0);
    EXPECT_EQ(gap["from"].get_int64().value(), 1) << json;
    EXPECT_EQ(gap["to"].get_int64().value(), 3);
    EXPECT_EQ(gap["records"].get_int64().value(), 2);

    auto held = pipeline_.start_worker();
    wait_until("the worker holds the partition",
               [&] { return held.metric("activity_worker_partitions_held") == 1; });
    EXPECT_EQ(ctl({"gaps", "accept", "--group", "records", "--partition", "live-class[3]", "--yes"}).code, 2);
    EXPECT_EQ(
        ctl({"gaps", "accept", "--group", "records", "--partition", "live-class[2]", "--note", "x", "--yes"})
            .code,
        1);
    const auto accepted = ctl({"gaps", "accept", "--group", "records", "--partition", "live-class[3]",
                               "--note", "the outage", "--yes"});
    EXPECT_EQ(accepted.code, 0) << accepted.err;
    wait_until("the worker goes on", [&] { return pipeline_.stored() == 2; });
    EXPECT_THAT(ctl({"gaps", "list"}).err, HasSubstr("No gaps"));
    EXPECT_THAT(ctl({"gaps", "list", "--accepted"}).out, HasSubstr("the outage"));
    EXPECT_EQ(
        ctl({"gaps", "accept", "--group", "records", "--partition", "live-class[3]", "--note", "x", "--yes"})
            .code,
        1);
}

TEST_F(Recovery, AGroupBeyondTheEndIsToldWhereToGoOn) {
    auto worker = pipeline_.start_worker();
    send("m0");
    pipeline_.wait_caught_up();
    worker.process().stop(SIGTERM, std::chrono::seconds(60));
    pipeline_.session().query(
        "UPDATE activity.part_offset SET next_offset = 500 WHERE part = 3 AND topic = '" +
        pipeline_.topic("live-class") + "'");
    EXPECT_THAT(ctl({"gaps", "list"}).out, AllOf(HasSubstr("beyond_end"), HasSubstr("--to OFFSET")));
    const std::vector<std::string> accept{"gaps",          "accept", "--group",   "records", "--partition",
                                          "live-class[3]", "--note", "new topic", "--yes"};
    const auto with_to = [&](const std::string& to) {
        auto arguments = accept;
        arguments.insert(arguments.end(), {"--to", to});
        return ctl(arguments);
    };
    EXPECT_THAT(ctl(accept).err, HasSubstr("--to must say"));
    EXPECT_EQ(with_to("2").code, 2);
    EXPECT_EQ(with_to("0").code, 0);
    EXPECT_EQ(next_offset(), 0);
}

// --- replay ---

TEST_F(Recovery, AGroupReadsAgainAndDoublesNothing) {
    auto worker = pipeline_.start_worker();
    for (int i = 0; i < 20; ++i) send("m" + std::to_string(i), "u1", i % 4);
    pipeline_.wait_caught_up();
    const auto consumed = [&] { return worker.metric("activity_worker_records_consumed_total"); };
    EXPECT_EQ(consumed(), 20);

    const auto dry = ctl({"replay", "--group", "records", "--from", "beginning", "--dry-run", "--json"});
    EXPECT_EQ(dry.code, 0) << dry.err;
    EXPECT_THAT(dry.err, HasSubstr("20 records"));
    EXPECT_EQ(ctl({"replay", "--group", "records", "--from", "beginning"}).code, 2) << "nobody can be asked";
    EXPECT_EQ(ctl({"replay", "--group", "records"}).code, 2);
    EXPECT_EQ(ctl({"replay", "--group", "nobody", "--from", "1h"}).code, 1);
    EXPECT_THAT(ctl({"replay", "--group", "records", "--from", "now"}).out,
                HasSubstr("nothing to read again"));

    // With a worker that has nothing in hand, so that nothing fences it.
    const auto all = ctl({"replay", "--group", "records", "--from", "1h", "--yes"});
    EXPECT_EQ(all.code, 0) << all.err;
    EXPECT_THAT(all.out, HasSubstr("20 records of 4 partitions"));
    wait_until("the worker has read all of it again", [&] { return consumed() == 40; });
    pipeline_.wait_caught_up();
    EXPECT_EQ(pipeline_.stored(), 20);

    const auto some = ctl({"replay", "--group", "records", "--from", "3", "--topic", "live-class",
                           "--partition", "1", "--yes"});
    EXPECT_EQ(some.code, 0) << some.err;
    EXPECT_THAT(some.out, HasSubstr("2 records of 1 partition"));
    wait_until("the worker has read that again", [&] { return consumed() == 42; });
    pipeline_.wait_caught_up();
    EXPECT_EQ(pipeline_.stored(), 20);
}

TEST_F(Recovery, RecordsOfAKeyGoToTheGroupsRetryLine) {
    auto worker = pipeline_.start_worker();
    for (int i = 0; i < 6; ++i) send("m" + std::to_string(i), i % 2 == 0 ? "u1" : "u2", i % 2);
    pipeline_.wait_caught_up();
    worker.process().stop(SIGTERM, std::chrono::seconds(60));
    EXPECT_THAT(
        ctl({"replay", "--group", "records", "--from", "beginning", "--key", "web/u1", "--dry-run"}).err,
        HasSubstr("3 records"));
    const auto ran = ctl({"replay", "--group", "records", "--from", "1", "--key", "web/u1", "--yes"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("2 records"));
    const auto sent = retried();
    ASSERT_THAT(sent, SizeIs(2));
    EXPECT_EQ(sent[0].header("message-id"), "m2");
    EXPECT_EQ(sent[1].header("message-id"), "m4");
    EXPECT_EQ(next_offset(0), 3);
}

TEST_F(Recovery, AFreshStartEmptiesTheGroupsTablesAndReadsEverything) {
    auto worker = pipeline_.start_worker();
    for (int i = 0; i < 20; ++i) send("m" + std::to_string(i), "u1", i % 4);
    pipeline_.wait_caught_up();
    const auto session = [&] { return pipeline_.session(); };
    session().query("UPDATE activity.event SET activity = 'spoiled'");
    EXPECT_EQ(ctl({"replay", "--group", "records", "--fresh", "--from", "1h"}).code, 2);

    const auto ran = ctl({"replay", "--group", "records", "--fresh", "--yes"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("20 records"));
    wait_until("everything is there again", [&] { return pipeline_.stored() == 20; });
    pipeline_.wait_caught_up();
    EXPECT_EQ(session().number("SELECT count(*) FROM activity.event WHERE activity = 'spoiled'"), 0);

    pipeline_.kafka().delete_before({pipeline_.topic("live-class"), 1}, 2);
    const auto refused = ctl({"replay", "--group", "records", "--fresh", "--yes"});
    EXPECT_EQ(refused.code, 1);
    EXPECT_THAT(refused.err, AllOf(HasSubstr("live-class[1]"), HasSubstr("--accept-loss")));
    EXPECT_EQ(pipeline_.stored(), 20);
    EXPECT_EQ(ctl({"replay", "--group", "records", "--fresh", "--accept-loss", "--yes"}).code, 0);
    wait_until("what Kafka has is there again", [&] { return pipeline_.stored() == 18; });
}

/// A profile that is gone is not made anew by what is read again: its tombstone must still be published.
TEST_F(Recovery, AFreshStartOfTheProfilesKeepsTheirTombstones) {
    {
        auto worker = pipeline_.start_worker({}, 1, "profiles");
        send("m1");
        pipeline_.wait_caught_up(Pipeline::patience_for_backlog, "profiles");
        wait_until("the profile is published", [&] {
            return pipeline_.session().number("SELECT count(*) FROM activity.profile_change") == 0;
        });
        worker.process().stop(SIGTERM, std::chrono::seconds(30));
    }
    pipeline_.session().query(
        "INSERT INTO activity.profile_change (learner_key, record_key) VALUES "
        "('00000000-0000-0000-0000-000000000001', 'web/gone'), ('00000000-0000-0000-0000-000000000002', "
        "NULL)");
    const auto ran = ctl({"replay", "--group", "profiles", "--fresh", "--yes"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(pipeline_.session().value("SELECT string_agg(record_key, ',') FROM activity.profile_change"),
              "web/gone");
}

}  // namespace
}  // namespace activity::harness
