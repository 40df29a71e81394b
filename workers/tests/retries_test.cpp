// A group that can't tell what is wrong puts records off: they wait in the retry topics for as long as the
// settings say, in their learner's order, and end as dead letters only when every retry has failed.

#include <gtest/gtest.h>
#include <csignal>
#include <map>
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
using harness::wait_until;

/// For a learner whose name is in public.not_yet, PostgreSQL raises an error of the group's own kind.
constexpr const char* refuse_some =
    "CREATE TABLE public.not_yet (user_id text PRIMARY KEY);"
    "GRANT SELECT ON public.not_yet TO PUBLIC;"
    "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF EXISTS (SELECT FROM public.not_yet WHERE user_id = NEW.user_id) THEN RAISE EXCEPTION 'not yet: %', "
    "NEW.user_id; END IF; RETURN NEW; END $$;"
    "CREATE TRIGGER refuse BEFORE INSERT ON activity.event FOR EACH ROW EXECUTE FUNCTION public.refuse()";

class RetriesTest : public ::testing::Test {
  protected:
    RetriesTest() { pipeline_.session().query(refuse_some); }

    void refuse(const std::string& user) {
        pipeline_.session().query("INSERT INTO public.not_yet VALUES ('" + user + "')");
    }
    void allow_all() { pipeline_.session().query("DELETE FROM public.not_yet"); }

    /// All in one partition, so that good and bad ones share batches.
    void write(const std::string& message_id, const std::string& user) {
        ActivityEvent event;
        event.message_id = message_id;
        event.activity = "Question Asked";
        event.user_id = user;
        event.source = "web";
        event.occurred_at = event.received_at = now();
        KafkaRecord record;
        record.at = {pipeline_.topic("live-class"), 3};
        record.key = "web/" + user;
        record.value = canonical_json(event);
        record.headers = {{"message-id", message_id}, {"attempt", "0"}};
        pipeline_.kafka().write(record);
        written_.insert(message_id);
    }

    std::vector<KafkaRecord> retries(int tier) {
        return pipeline_.kafka().read(pipeline_.topic("records.retry-" + std::to_string(tier)));
    }

    std::set<std::string> stored() const {
        std::set<std::string> ids;
        for (const auto& row : pipeline_.session().query("SELECT message_id FROM analytics.event"))
            ids.insert(row[0].as<std::string>());
        return ids;
    }

    Pipeline pipeline_;
    std::set<std::string> written_;
};

std::vector<std::string> ids(const std::vector<KafkaRecord>& records) {
    std::vector<std::string> ids;
    for (const auto& record : records) ids.push_back(record.header("message-id"));
    return ids;
}

TEST_F(RetriesTest, wait_for_their_time_and_keep_the_learners_order) {
    refuse("early");
    std::vector<std::string> put_off;
    for (int i = 0; i < 20; ++i) {
        write("good-" + std::to_string(i), "good");
        if (i % 5 == 0) write(put_off.emplace_back("early-" + std::to_string(i)), "early");
    }
    const auto worker = pipeline_.start_worker({{"ACTIVITY_WORKER_RETRY_1_DELAY_MS", "4000"}});
    wait_until("the good ones are stored", [&] { return stored().size() == 20; });
    wait_until("the others are put off", [&] { return retries(1).size() == put_off.size(); });
    EXPECT_EQ(ids(retries(1)), put_off);
    allow_all();
    // A later one that nothing stops is not held up by those that wait.
    write("later", "early");
    wait_until("the later one is stored", [&] { return stored().contains("later"); });
    EXPECT_EQ(stored().size(), 21u) << "a retry was taken before its time";

    pipeline_.wait_caught_up();
    EXPECT_EQ(stored(), written_);
    for (const KafkaRecord& record : retries(1)) {
        EXPECT_EQ(record.header("attempt"), "1");
        EXPECT_EQ(record.header("retry-reason"), "unclear");
        EXPECT_NE(record.header("retry-detail").find("not yet: early"), std::string::npos);
        EXPECT_EQ(record.header("retry-topic"), pipeline_.topic("live-class"));
        EXPECT_EQ(record.header("retry-partition"), "3");
        EXPECT_EQ(record.key, "web/early");
        const auto stored_at = parse_timestamp(pipeline_.session().value(
            "SELECT to_char(stored_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM "
            "analytics.event WHERE message_id = '" +
            record.header("message-id") + "'"));
        EXPECT_GE(stored_at, parse_timestamp(record.header("not-before")));
    }
    EXPECT_TRUE(retries(2).empty());
    EXPECT_EQ(pipeline_.kafka().written({pipeline_.dead_letter_topic()}), 0);
    EXPECT_EQ(worker.metric("activity_worker_records_retried_total"), static_cast<double>(put_off.size()));
    EXPECT_EQ(worker.metric("activity_worker_records_stored_total"), static_cast<double>(written_.size()));
}

TEST_F(RetriesTest, that_all_fail_end_as_dead_letters_that_count_them) {
    refuse("never");
    write("good", "good");
    write("never", "never");
    const auto worker = pipeline_.start_worker({{"ACTIVITY_WORKER_RETRY_1_DELAY_MS", "100"},
                                                {"ACTIVITY_WORKER_RETRY_2_DELAY_MS", "300"},
                                                {"ACTIVITY_WORKER_RETRY_3_DELAY_MS", "900"}});
    wait_until("it is a dead letter",
               [&] { return pipeline_.kafka().written({pipeline_.dead_letter_topic()}) > 0; });
    pipeline_.wait_caught_up();
    EXPECT_EQ(stored(), std::set<std::string>{"good"});
    for (int tier = 1; tier <= 3; ++tier) {
        const auto records = retries(tier);
        ASSERT_EQ(records.size(), 1u) << tier;
        EXPECT_EQ(records[0].header("attempt"), std::to_string(tier));
    }
    const auto letters = pipeline_.kafka().read(pipeline_.dead_letter_topic());
    ASSERT_EQ(letters.size(), 1u);
    const KafkaRecord& letter = letters[0];
    EXPECT_EQ(letter.header("message-id"), "never");
    EXPECT_EQ(letter.header("attempt"), "4");
    EXPECT_EQ(letter.header("dead-letter-reason"), "unclear");
    EXPECT_NE(letter.header("dead-letter-detail").find("not yet: never"), std::string::npos);
    EXPECT_EQ(letter.header("dead-letter-topic"), pipeline_.topic("live-class"));
    EXPECT_EQ(letter.header("dead-letter-partition"), "3");
    EXPECT_EQ(letter.header("dead-letter-offset"), "1");
    EXPECT_EQ(letter.header("not-before"), "");
    EXPECT_EQ(letter.key, "web/never");
    EXPECT_TRUE(worker.is_ready());
}

/// Wherever a worker dies between the retry's delivery and the offset, every record is stored once.
TEST_F(RetriesTest, survive_workers_that_are_killed) {
    refuse("early");
    const harness::Environment settings{{"ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", "3000"},
                                        {"ACTIVITY_WORKER_RETRY_1_DELAY_MS", "200"},
                                        {"ACTIVITY_WORKER_RETRY_2_DELAY_MS", "400"},
                                        {"ACTIVITY_WORKER_RETRY_3_DELAY_MS", "86400000"}};
    for (int round = 0; round < 4; ++round) {
        auto worker = pipeline_.launch_worker(settings);
        for (int i = 0; i < 100; ++i) {
            const std::string number = std::to_string(round * 100 + i);
            write("m" + number, i % 3 == 0 ? "early" : "good" + std::to_string(i % 7));
        }
        const auto before = retries(1).size();
        wait_until("some are put off", [&] { return retries(1).size() > before; });
        worker.process().kill();
    }
    allow_all();
    // What waits for a day is to be looked at now: an operator would replay it.
    for (const KafkaRecord& record : retries(3)) {
        KafkaRecord again = record;
        std::erase_if(again.headers, [](const auto& header) { return header.first == "not-before"; });
        again.at = {pipeline_.topic("live-class"), 3};
        pipeline_.kafka().write(again);
    }
    const auto worker = pipeline_.start_worker(settings);
    wait_until("all are stored", [&] { return stored().size() == written_.size(); });
    EXPECT_EQ(stored(), written_);
    EXPECT_EQ(pipeline_.kafka().written({pipeline_.dead_letter_topic()}), 0);
}

}  // namespace
}  // namespace activity
