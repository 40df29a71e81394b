// Records that no worker can process, put straight into the topic among valid ones: each ends in the
// dead-letter topic as it was, with the reason, and its neighbours are stored.

#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"
#include "schemas/activity/event.h"
#include "schemas/activity/timestamp.h"

namespace activity {
namespace {

using harness::KafkaRecord;
using harness::Pipeline;
using harness::PostgresServer;
using harness::Program;
using harness::TableLock;
using harness::wait_until;

constexpr int partition = 3;

class PoisonTest : public ::testing::Test {
  protected:
    /// A record as ingest writes it.
    KafkaRecord valid(const std::string& message_id) const {
        ActivityEvent event;
        event.message_id = message_id;
        event.activity = "Question Asked";
        event.user_id = "learner";
        event.source = "web";
        event.occurred_at = event.received_at = now();
        KafkaRecord record;
        record.at = {pipeline_.topic("live-class"), partition};
        record.key = "web/learner";
        record.value = canonical_json(event);
        record.headers = {{"message-id", message_id},
                          {"source", "web"},
                          {"schema", "question_asked"},
                          {"received-at", format_timestamp(event.received_at)},
                          {"attempt", "0"}};
        return record;
    }

    void write_valid(const std::string& message_id) {
        pipeline_.kafka().write(valid(message_id));
        valid_.insert(message_id);
    }

    void write_poison(KafkaRecord record) {
        record = pipeline_.kafka().write(std::move(record));
        poison_.emplace(record.offset, record);
    }

    void expect_neighbours_stored() {
        std::set<std::string> stored;
        for (const auto& row : pipeline_.session().query("SELECT message_id FROM analytics.event"))
            stored.insert(row[0].as<std::string>());
        EXPECT_EQ(stored, valid_);
    }

    /// Each poison record is there, as it was; how often is what is returned.
    std::map<std::int64_t, int> expect_dead_letters() {
        std::map<std::int64_t, int> copies;
        for (const KafkaRecord& letter : pipeline_.kafka().read(pipeline_.dead_letter_topic())) {
            const std::int64_t offset = std::atoll(letter.header("dead-letter-offset").c_str());
            const auto found = poison_.find(offset);
            if (found == poison_.end()) {
                ADD_FAILURE() << "a dead letter of offset " << offset << ", which was valid";
                continue;
            }
            const KafkaRecord& original = found->second;
            ++copies[offset];
            EXPECT_EQ(letter.key, original.key) << "at offset " << offset;
            EXPECT_EQ(letter.value, original.value) << "at offset " << offset;
            for (const auto& [name, value] : original.headers) {
                if (name == "attempt") continue;
                EXPECT_EQ(letter.header(name), value) << name << " at offset " << offset;
            }
            EXPECT_EQ(letter.header("attempt"), "1") << "at offset " << offset;
            EXPECT_EQ(letter.header("dead-letter-topic"), original.at.topic);
            EXPECT_EQ(letter.header("dead-letter-partition"), std::to_string(partition));
            EXPECT_NE(letter.header("dead-letter-reason"), "") << "at offset " << offset;
            EXPECT_NE(letter.header("dead-letter-group").find("records"), std::string::npos);
            EXPECT_TRUE(parse_timestamp(letter.header("dead-letter-at"))) << letter.header("dead-letter-at");
        }
        for (const auto& [offset, record] : poison_)
            EXPECT_TRUE(copies.contains(offset)) << "no dead letter of offset " << offset << ": "
                                                 << record.value.value_or("(null)").substr(0, 80);
        return copies;
    }

    Pipeline pipeline_;
    std::set<std::string> valid_;
    std::map<std::int64_t, KafkaRecord> poison_;
};

TEST_F(PoisonTest, records_that_are_no_events_go_to_the_dead_letter_topic_as_they_were) {
    const std::string canonical = *valid("poison").value;
    const auto replaced = [&](const std::string& what, const std::string& by) {
        std::string text = canonical;
        text.replace(text.find(what), what.size(), by);
        return text;
    };
    const std::vector<std::optional<std::string>> values{
        std::nullopt,
        "",
        "hello",
        "{",
        "null",
        "[]",
        "{}",
        canonical + canonical,
        canonical.substr(0, canonical.size() / 2),
        std::string("\x00\xff\xfe binary \x00", 12),
        std::string(64 * 1024, '['),
        replaced("\"messageId\":\"poison\"", "\"messageId\":\"\""),
        replaced("\"messageId\":\"poison\"", "\"messageId\":7"),
        replaced("\"messageId\":\"poison\"", "\"messageId\":\"nul \\u0000 inside\""),
        replaced("\"messageId\":\"poison\"", "\"messageId\":\"lone \\ud800 surrogate\""),
        replaced("\"properties\":{}", "\"properties\":{\"a\":\"\\u0000\"}"),
        replaced("\"properties\":{}", "\"properties\":[]"),
        replaced("\"properties\":{}", "\"properties\":{\"a\":1,\"a\":2}"),
        replaced("\"properties\":{}", "\"properties\":{\"a\":1e999}"),
        replaced("\"receivedAt\":\"", "\"receivedAt\":\"yesterday "),
        replaced("\"type\":\"track\"", "\"type\":\"unheard-of\""),
        replaced("\"userId\":\"learner\",", ""),
    };
    write_valid("first");
    for (std::size_t i = 0; i < values.size(); ++i) {
        KafkaRecord poison = valid("poison");
        poison.value = values[i];
        // Headers that say something else than the value, none at all, no key: none of that is a way round.
        if (i % 3 == 1)
            poison.headers = {{"message-id", "claimed " + std::to_string(i)}, {"own", "binary \x01\xff"}};
        if (i % 3 == 2) {
            poison.headers.clear();
            poison.key.reset();
        }
        write_poison(poison);
        write_valid("neighbour " + std::to_string(i));
    }
    write_valid("last");

    const auto worker = pipeline_.start_worker();
    pipeline_.wait_caught_up();
    expect_neighbours_stored();
    const auto copies = expect_dead_letters();
    for (const auto& [offset, count] : copies) EXPECT_EQ(count, 1) << "at offset " << offset;
    EXPECT_EQ(worker.metric("activity_worker_records_dead_lettered_total"),
              static_cast<double>(values.size()));
    EXPECT_EQ(worker.metric("activity_worker_records_stored_total"), static_cast<double>(valid_.size()));
}

/// What only PostgreSQL refuses. The batch is split until the culprits are found; here are three in one
/// batch, two of them side by side.
TEST_F(PoisonTest, records_that_postgresql_refuses_are_found_in_their_batch) {
    auto owner = pipeline_.session(PostgresServer::As::owner);
    owner.query(
        "CREATE FUNCTION activity.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.message_id LIKE 'culprit %' THEN RAISE EXCEPTION 'refused by the test' USING ERRCODE = "
        "'22023'; END IF; "
        "RETURN NEW; END $$");
    owner.query(
        "CREATE TRIGGER refuse BEFORE INSERT ON activity.event FOR EACH ROW EXECUTE FUNCTION "
        "activity.refuse()");
    for (int i = 0; i < 200; ++i) {
        if (i == 0 || i == 77 || i == 78 || i == 199) {
            write_poison(valid("culprit " + std::to_string(i)));
        } else {
            write_valid("event " + std::to_string(i));
        }
    }
    auto worker = pipeline_.start_worker();
    pipeline_.wait_caught_up();
    expect_neighbours_stored();
    for (const auto& [offset, count] : expect_dead_letters()) EXPECT_EQ(count, 1) << "at offset " << offset;
    EXPECT_TRUE(worker.process().running());
}

/// A crash after the dead letter is in Kafka and before the offset has moved: the letter may be there twice,
/// from one and the same offset, so that a replay applies it once; and nothing is lost.
TEST_F(PoisonTest, a_crash_after_the_dead_letter_loses_nothing) {
    KafkaRecord poison = valid("poison");
    poison.value = "no event";
    for (int i = 0; i < 20; ++i) write_valid("before " + std::to_string(i));
    write_poison(poison);
    for (int i = 0; i < 20; ++i) write_valid("after " + std::to_string(i));

    {
        TableLock lock(pipeline_.url(PostgresServer::As::superuser), "activity.event");
        auto worker = pipeline_.start_worker({{"ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", "2000"}});
        wait_until("the dead letter is in Kafka, and the offset has not moved",
                   [&] { return pipeline_.kafka().written({pipeline_.dead_letter_topic()}) > 0; });
        worker.process().kill();
        EXPECT_EQ(pipeline_.progress(), 0);
    }
    auto worker = pipeline_.start_worker();
    pipeline_.wait_caught_up();
    expect_neighbours_stored();
    expect_dead_letters();
}

}  // namespace
}  // namespace activity
