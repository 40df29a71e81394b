// What became of a message, asked while it is in each of the places where it can be.

#include <gtest/gtest.h>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "deploy/stack/harness/directory.h"
#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"
#include "schemas/activity/event.h"
#include "schemas/activity/timestamp.h"
#include "schemas/activity/uuid.h"
#include "schemas/sources/source.h"
#include "schemas/wire/record.h"
#include "schemas/wire/rejected.h"

namespace activity {
namespace {

using namespace std::chrono_literals;
using harness::Client;
using harness::Environment;
using harness::KafkaRecord;
using harness::Ledger;
using harness::Pipeline;
using harness::PostgresServer;
using harness::Program;
using harness::Response;

constexpr const char* other_write_key = "another-write-key";

/// Beside the programs that the harness knows.
std::string receipts_program() {
    return std::filesystem::path(harness::worker_program()).replace_filename("activity-receipts");
}

bool holds(const Response& response, const std::string& part) {
    return response.body.find(part) != std::string::npos;
}

class ReceiptsTest : public ::testing::Test {
  protected:
    ReceiptsTest() {
        const auto source = [](const std::string& name, const std::string& key) {
            return "[[source]]\nname = \"" + name + "\"\nkeys = [{ sha256 = \"" + format_hash(hash_key(key)) +
                   "\" }]\n";
        };
        harness::write_file(directory_.path() / "sources.toml",
                            source("web", harness::write_key) + source("app", other_write_key));
    }

    Program start_receipts(const Environment& settings = {}) {
        const std::string prefix = pipeline_.topic("");
        Environment environment = settings;
        environment.insert({{"ACTIVITY_RECEIPTS_ADDRESS", "127.0.0.1:0"},
                            {"ACTIVITY_ADMIN_ADDRESS", "127.0.0.1:0"},
                            {"ACTIVITY_POSTGRES_URL", pipeline_.url(PostgresServer::As::analyst)},
                            {"ACTIVITY_KAFKA_BOOTSTRAP", harness::servers().kafka.bootstrap()},
                            {"ACTIVITY_SOURCES", directory_.path() / "sources.toml"},
                            {"ACTIVITY_TOPIC_PREFIX", prefix},
                            {"ACTIVITY_GROUP_PREFIX", prefix.substr(0, prefix.size() - 1) + "-"}});
        return Program("receipts", {{receipts_program()},
                                    environment,
                                    directory_.path() / ("receipts-" + std::to_string(++started_) + ".log")});
    }

    static Response ask(const Program& receipts, const std::string& segment,
                        const std::string& key = harness::write_key) {
        harness::Connection connection(receipts.address("receipts"));
        connection.send(harness::http_request("GET", "/v1/receipts/" + segment, {},
                                              {{"Authorization", harness::authorization(key)}}));
        return connection.receive();
    }

    /// A record as ingest writes it.
    KafkaRecord record(const std::string& message_id, const std::string& source = "web") const {
        ActivityEvent event;
        event.message_id = message_id;
        event.activity = "Question Asked";
        event.user_id = "learner";
        event.source = source;
        event.occurred_at = event.received_at = now();
        const auto made = wire::make_record(event, pipeline_.topic("live-class"), "question_asked");
        return {{made.topic, 0}, -1, made.key, made.value, made.headers};
    }

    /// As ingest tells of what it has refused or marked.
    KafkaRecord told(const std::string& message_id, bool is_stored) const {
        wire::RejectedEvent rejected;
        rejected.message_id = message_id;
        rejected.source = "web";
        rejected.code = "missing_field";
        rejected.field = "userId";
        rejected.message = "is missing";
        rejected.received_at = *parse_timestamp("2026-10-10T10:00:00Z");
        rejected.is_stored = is_stored;
        const auto made = wire::make_record(rejected, pipeline_.topic("rejected"));
        return {{made.topic, 0}, -1, made.key, made.value, made.headers};
    }

    harness::Directory directory_{"receipts"};
    Pipeline pipeline_;
    Ledger ledger_;
    int started_ = 0;
};

TEST_F(ReceiptsTest, an_event_is_accepted_until_a_worker_has_stored_it) {
    const auto ingest = pipeline_.start_ingest();
    const auto receipts = start_receipts();
    Client client(pipeline_.ingest(), ledger_);
    const std::string uuid = new_uuid_v7(now());
    const std::string plain = "a message / with 100 % of everything";
    const std::string encoded = "a%20message%20%2F%20with%20100%20%25%20of%20everything";
    for (const auto& id : {uuid, plain})
        ASSERT_EQ(client.send(harness::track(id, "learner", "Question Asked"))->status, 202);

    // No worker has ever run: PostgreSQL has neither the event nor an offset.
    for (const auto& segment : {uuid, encoded}) {
        const auto waiting = ask(receipts, segment);
        EXPECT_EQ(waiting.status, 200) << waiting.body;
        EXPECT_TRUE(holds(waiting, R"("status":"accepted")")) << waiting.body;
        EXPECT_TRUE(holds(waiting, R"("receivedAt":"20)")) << waiting.body;
        EXPECT_TRUE(holds(waiting, R"("groups":[{"group":"records","status":"waiting"}])")) << waiting.body;
    }
    EXPECT_GT(receipts.metric("activity_receipts_records_searched_total"), 0);

    {
        const auto worker = pipeline_.start_worker();
        pipeline_.wait_caught_up();
    }
    const double searched = receipts.metric("activity_receipts_records_searched_total");
    for (const auto& segment : {uuid, encoded}) {
        const auto stored = ask(receipts, segment);
        EXPECT_EQ(stored.status, 200) << stored.body;
        EXPECT_TRUE(holds(stored, R"("status":"stored")")) << stored.body;
        EXPECT_TRUE(holds(stored, R"("groups":[{"group":"records","status":"stored","storedAt":"20)"))
            << stored.body;
    }
    EXPECT_EQ(receipts.metric("activity_receipts_records_searched_total"), searched)
        << "what is stored was searched";

    // The next one waits behind what is stored.
    const std::string next = new_uuid_v7(now());
    ASSERT_EQ(client.send(harness::track(next, "learner", "Question Asked"))->status, 202);
    EXPECT_TRUE(holds(ask(receipts, next), R"("status":"accepted")"));
    EXPECT_EQ(receipts.metric("activity_receipts_records_searched_total"), searched + 1)
        << "what is stored was searched";
}

TEST_F(ReceiptsTest, a_dead_letter_says_why_and_a_rejection_says_where) {
    KafkaRecord poison = record("poison");
    poison.value = "no event";
    pipeline_.kafka().write(poison);
    {
        const auto worker = pipeline_.start_worker();
        harness::wait_until("the dead letter is there",
                            [&] { return pipeline_.kafka().written({pipeline_.dead_letter_topic()}) == 1; });
        pipeline_.wait_caught_up();
    }
    pipeline_.kafka().write(told("refused", false));
    const auto receipts = start_receipts();

    const auto letter = ask(receipts, "poison");
    EXPECT_EQ(letter.status, 200) << letter.body;
    EXPECT_TRUE(holds(letter, R"("status":"dead_lettered","receivedAt":"20)")) << letter.body;
    EXPECT_TRUE(
        holds(letter, R"("groups":[{"group":"records","status":"dead_lettered","code":"malformed_json")"))
        << letter.body;
    EXPECT_TRUE(holds(letter, R"("deadLetteredAt":"20)")) << letter.body;

    const auto refused = ask(receipts, "refused");
    EXPECT_EQ(refused.status, 200) << refused.body;
    EXPECT_TRUE(holds(refused,
                      R"("status":"rejected","receivedAt":"2026-10-10T10:00:00.000Z",)"
                      R"("code":"missing_field","field":"userId","message":"is missing","groups":[])"))
        << refused.body;

    // Mended and sent again under its ID, it is what it has become.
    pipeline_.kafka().write(record("refused"));
    EXPECT_TRUE(holds(ask(receipts, "refused"), R"("status":"accepted")"));
}

TEST_F(ReceiptsTest, a_marked_event_is_told_with_its_marks) {
    KafkaRecord marked = record("marked");
    marked.value->insert(marked.value->size() - 1, R"(,"marks":["schema_violation"])");
    pipeline_.kafka().write(marked);
    const auto receipts = start_receipts();
    {
        const auto worker = pipeline_.start_worker();
        pipeline_.wait_caught_up();
    }
    pipeline_.kafka().write(told("marked", true));
    EXPECT_TRUE(holds(ask(receipts, "marked"), R"("marks":["schema_violation"])"));
    // Were it not stored, its being marked would not make it rejected.
    pipeline_.kafka().write(told("marked elsewhere", true));
    EXPECT_EQ(ask(receipts, "marked%20elsewhere").status, 404);
}

TEST_F(ReceiptsTest, a_source_sees_its_own_messages_only) {
    pipeline_.kafka().write(record("stored of app", "app"));
    {
        const auto worker = pipeline_.start_worker();
        pipeline_.wait_caught_up();
    }
    pipeline_.kafka().write(record("waiting of app", "app"));
    const auto receipts = start_receipts();
    for (const std::string segment : {"stored%20of%20app", "waiting%20of%20app", "nobody%27s"}) {
        const auto hidden = ask(receipts, segment);
        EXPECT_EQ(hidden.status, 404) << hidden.body;
        EXPECT_TRUE(holds(hidden, R"("code":"unknown","detail":"nothing is known of this message",)"))
            << hidden.body;
    }
    EXPECT_TRUE(holds(ask(receipts, "stored%20of%20app", other_write_key), R"("status":"stored")"));
    EXPECT_TRUE(holds(ask(receipts, "waiting%20of%20app", other_write_key), R"("status":"accepted")"));
    const auto wrong = ask(receipts, "stored%20of%20app", "wrong-key");
    EXPECT_EQ(wrong.status, 401);
    EXPECT_TRUE(wrong.has("www-authenticate"));
    EXPECT_TRUE(holds(wrong, R"("code":"invalid_write_key")")) << wrong.body;
}

TEST_F(ReceiptsTest, what_is_beyond_the_bounds_is_said) {
    for (int i = 0; i < 20; ++i) pipeline_.kafka().write(record("event-" + std::to_string(i)));
    const auto receipts = start_receipts({{"ACTIVITY_RECEIPTS_SEARCH_RECORDS_MAX", "10"}});
    EXPECT_EQ(ask(receipts, "event-19").status, 200) << "the newest are looked at first";
    EXPECT_EQ(ask(receipts, "event-10").status, 200);
    const auto beyond = ask(receipts, "event-9");
    EXPECT_EQ(beyond.status, 404);
    EXPECT_TRUE(holds(beyond, "only the newest 10 of 20 records that wait to be stored were looked through"))
        << beyond.body;
}

TEST_F(ReceiptsTest, an_outage_is_told_and_ends_by_itself) {
    pipeline_.kafka().write(record("stored"));
    {
        const auto worker = pipeline_.start_worker();
        pipeline_.wait_caught_up();
    }
    const auto receipts = start_receipts();
    ASSERT_EQ(ask(receipts, "stored").status, 200);
    ASSERT_TRUE(receipts.is_ready());

    harness::servers().postgres.stop();
    const auto away = ask(receipts, "stored");
    EXPECT_EQ(away.status, 503) << away.body;
    EXPECT_TRUE(holds(away, R"("code":"unavailable")")) << away.body;
    EXPECT_TRUE(away.has("retry-after"));
    EXPECT_FALSE(receipts.is_ready());
    harness::servers().postgres.start();
    EXPECT_EQ(ask(receipts, "stored").status, 200);
    EXPECT_TRUE(receipts.is_ready());

    // Dead, and then frozen: connections that open and answer nothing.
    harness::servers().kafka.kill();
    EXPECT_EQ(ask(receipts, "stored").status, 200) << "what is stored needs no Kafka";
    EXPECT_EQ(ask(receipts, "elsewhere").status, 503);
    const auto is_searched_again = [&] { return ask(receipts, "elsewhere").status == 404; };
    harness::servers().kafka.start();
    harness::wait_until("Kafka is searched again after its death", is_searched_again);
    harness::servers().kafka.freeze();
    EXPECT_EQ(ask(receipts, "elsewhere").status, 503);
    harness::servers().kafka.thaw();
    harness::wait_until("Kafka is searched again after it stood still", is_searched_again);
}

TEST_F(ReceiptsTest, more_searches_than_may_be_are_put_off) {
    const auto receipts =
        start_receipts({{"ACTIVITY_RECEIPTS_SEARCHES_MAX", "1"}, {"ACTIVITY_RECEIPTS_THREADS", "8"}});
    std::atomic<int> put_off{0}, answered{0};
    {
        std::vector<std::jthread> clients;
        for (int i = 0; i < 8; ++i) {
            clients.emplace_back([&] {
                for (int j = 0; j < 10; ++j) {
                    const auto response = ask(receipts, "nothing");
                    if (response.status == 429 && response.has("retry-after")) ++put_off;
                    if (response.status == 404) ++answered;
                }
            });
        }
    }
    EXPECT_GT(put_off, 0);
    EXPECT_GT(answered, 0);
    EXPECT_EQ(put_off + answered, 80);
    EXPECT_EQ(ask(receipts, "nothing").status, 404) << "the place is free again";
}

}  // namespace
}  // namespace activity
