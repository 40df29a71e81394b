// The worked example against real servers: exactly one answer a booking and never a lab over its capacity,
// with repeats, two LabServices that meet, and kill -9; and what becomes of bookings that nobody can judge
// yet.

#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "deploy/stack/harness/directory.h"
#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"
#include "schemas/activity/event.h"
#include "schemas/activity/json.h"
#include "schemas/activity/message_key.h"
#include "schemas/wire/group_topics.h"
#include "schemas/wire/record.h"

namespace activity {
namespace {

using harness::Environment;
using harness::KafkaRecord;
using harness::Pipeline;
using harness::PostgresServer;
using harness::Program;
using harness::TableLock;
using harness::wait_until;

constexpr int partitions = 4;

/// Small batches, so that the two services meet often, and a dead one is noticed soon.
const Environment small_batches{{"ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", "2000"},
                                {"ACTIVITY_WORKER_BATCH_MAX_RECORDS", "7"},
                                {"ACTIVITY_WORKER_BATCH_MAX_AGE_MS", "5"}};
/// The second delay is the time that a busy machine has to add a lab before the second retry.
const Environment one_by_one{{"ACTIVITY_WORKER_BATCH_MAX_RECORDS", "1"},
                             {"ACTIVITY_WORKER_RETRY_1_DELAY_MS", "300"},
                             {"ACTIVITY_WORKER_RETRY_2_DELAY_MS", "15000"}};
const Environment short_delays{{"ACTIVITY_WORKER_RETRY_1_DELAY_MS", "100"},
                               {"ACTIVITY_WORKER_RETRY_2_DELAY_MS", "300"},
                               {"ACTIVITY_WORKER_RETRY_3_DELAY_MS", "500"}};

class LabBookingTest : public ::testing::Test {
  protected:
    LabBookingTest() {
        pipeline_.session(PostgresServer::As::owner)
            .query(harness::read_file(ACTIVITY_SOURCE_DIR "/workers/examples/lab_booking/tables.sql"));
        for (const std::string topic : {"lab-bookings", "lab-allocations"}) create_topic(topic);
        for (const std::string group : {"lab_allocation", "lab_data"}) {
            create_topic(wire::dead_letter_topic("", group));
            for (int tier = 1; tier <= wire::retry_tiers; ++tier)
                create_topic(wire::retry_topic("", group, tier));
        }
    }

    void create_topic(const std::string& name) {
        pipeline_.activityctl({"topics", "create", name, "--partitions", std::to_string(partitions)});
    }

    void add_lab(const std::string& lab, const std::string& type, int capacity) {
        pipeline_.session(PostgresServer::As::owner)
            .query("INSERT INTO lab_example.lab (lab, lab_type, capacity) VALUES ('" + lab + "', '" + type +
                   "', " + std::to_string(capacity) + ")");
    }

    Program start_lab_service(const Environment& settings = {}) {
        return pipeline_.start_own_worker("activity-lab-service", settings);
    }

    /// As BookingService does it, but into a partition of the test's choice (-1: by the learner).
    void book(const std::string& booking, const std::string& learner, const std::string& properties,
              int partition = -1) {
        ActivityEvent event;
        event.message_id = booking;
        event.activity = "Lab Booked";
        event.user_id = learner;
        event.source = "lab-app";
        event.occurred_at = event.received_at = now();
        event.properties = properties;
        const auto record = wire::make_record(event, pipeline_.topic("lab-bookings"), "-");
        KafkaRecord out;
        out.at = {record.topic, partition};
        out.key = record.key;
        out.value = record.value;
        out.headers = record.headers;
        pipeline_.kafka().write(out);
    }

    std::int64_t number(const std::string& sql) { return pipeline_.session().number(sql); }
    std::int64_t decided() { return number("SELECT count(*) FROM lab_example.allocation"); }

    std::vector<KafkaRecord> retries(int tier) {
        return pipeline_.kafka().read(wire::retry_topic(pipeline_.topic(""), "lab_allocation", tier));
    }

    /// What stands in the answers' topic, each read as a canonical event; one a message ID.
    std::map<std::string, ActivityEvent> answers() {
        std::map<std::string, ActivityEvent> by_id;
        EventReader reader;
        for (const auto& record : pipeline_.kafka().read(pipeline_.topic("lab-allocations"))) {
            auto read = reader.read(record.value.value());
            if (const auto* rejection = std::get_if<Rejection>(&read)) {
                ADD_FAILURE() << rejection->field << " " << rejection->message << ": " << *record.value;
                continue;
            }
            const auto& event = std::get<ActivityEvent>(read);
            EXPECT_EQ(record.key, wire::record_key(event));
            const auto [known, is_new] = by_id.emplace(event.message_id, event);
            EXPECT_EQ(known->second, event) << "a repeat that says something else";
        }
        return by_id;
    }

    /// The promise: one answer a booking, the one that was decided, and no lab over its capacity.
    void expect_promise_holds(std::int64_t bookings, std::int64_t allocated) {
        wait_until("all are decided", [&] { return decided() == bookings; });
        wait_until("all answers are sent",
                   [&] { return number("SELECT count(*) FROM lab_example.answer_to_send") == 0; });
        EXPECT_EQ(number("SELECT count(lab) FROM lab_example.allocation"), allocated);
        EXPECT_EQ(number("SELECT count(*) FROM lab_example.lab WHERE taken > capacity OR taken <> "
                         "(SELECT count(*) FROM lab_example.allocation AS a WHERE a.lab = lab.lab)"),
                  0);
        std::map<std::string, std::string> said;
        for (const auto& [id, event] : answers()) {
            json::Reader reader;
            const auto document = reader.read(event.properties);
            const auto member = [&](const char* name) {
                std::string_view text;
                const bool absent = std::get<json::Element>(document)[name].get(text);
                return absent ? std::string() : std::string(text);
            };
            EXPECT_EQ(event.activity, member("lab").empty() ? "Lab Declined" : "Lab Allocated");
            EXPECT_TRUE(said.emplace(member("booking"), member("lab")).second)
                << "two answers to " << member("booking");
        }
        std::map<std::string, std::string> decisions;
        for (const auto& row :
             pipeline_.session().query("SELECT booking, coalesce(lab, '') FROM lab_example.allocation"))
            decisions[row[0].as<std::string>()] = row[1].as<std::string>();
        EXPECT_EQ(said, decisions);
    }

    Pipeline pipeline_;
};

const std::string chemistry = R"({"labType":"chemistry"})";
const std::string robotics = R"({"labType":"robotics"})";

TEST_F(LabBookingTest, the_command_books_once_however_often_it_is_called) {
    add_lab("c1", "chemistry", 10);
    const auto service = start_lab_service();
    const auto data = pipeline_.start_own_worker("activity-lab-data");
    harness::Directory directory("booking");
    const auto command = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), harness::program_path("activity-lab-booking"));
        auto environment = pipeline_.common();
        environment.erase("ACTIVITY_ADMIN_ADDRESS");
        return harness::run({arguments, environment, directory.path() / "log"});
    };
    const std::vector<std::string> same{"--learner", "u1", "--lab-type", "chemistry", "--booking", "b1"};
    EXPECT_TRUE(command(same).ends_with("b1\n"));
    command(same);
    command({"--learner", "u2", "--lab-type", "chemistry", "--count", "3"});
    EXPECT_ANY_THROW(command({"--learner", "u1"}));
    EXPECT_ANY_THROW(command({"--learner", "not \xff utf-8", "--lab-type", "chemistry"}));
    expect_promise_holds(4, 4);
    wait_until("DataService has all answers",
               [&] { return number("SELECT sum(allocated) FROM lab_example.demand") == 4; });
    EXPECT_EQ(number("SELECT sum(bookings) FROM lab_example.demand"), 4);
}

/// Four times as many bookings as places, each sent twice, the second time to another partition: so that both
/// services have it at once.
TEST_F(LabBookingTest, two_services_one_of_them_killed_give_each_booking_one_answer) {
    add_lab("c1", "chemistry", 30);
    add_lab("c2", "chemistry", 20);
    std::optional<Program> first = start_lab_service(small_batches);
    auto second = start_lab_service(small_batches);
    constexpr int bookings = 200;
    for (int i = 0; i < bookings; ++i) {
        const std::string name = std::to_string(i);
        book("b" + name, "u" + name, chemistry, i % partitions);
        book("b" + name, "u" + name, chemistry, (i + 1) % partitions);
        if (i != bookings / 2) continue;
        wait_until("they are at work", [&] { return decided() > 0; });
        first->process().kill();
        first.reset();
    }
    const auto third = start_lab_service(small_batches);
    expect_promise_holds(bookings, 50);
}

/// Killed inside the transaction that decides: nobody hears of what was rolled back.
TEST_F(LabBookingTest, a_decision_that_is_rolled_back_has_no_answer) {
    add_lab("c1", "chemistry", 5);
    std::optional<Program> service = start_lab_service(small_batches);
    {
        TableLock lock(pipeline_.url(PostgresServer::As::superuser), "lab_example.answer_to_send");
        for (int i = 0; i < 20; ++i) book("b" + std::to_string(i), "u" + std::to_string(i), chemistry);
        wait_until("it waits inside its transaction", [&] {
            return number(
                       "SELECT count(*) FROM pg_stat_activity WHERE usename = 'worker' AND datname = "
                       "current_database() AND wait_event_type = 'Lock'") > 0;
        });
        service->process().kill();
        service.reset();
        wait_until("its session is gone", [&] {
            return number(
                       "SELECT count(*) FROM pg_stat_activity WHERE usename = 'worker' AND datname = "
                       "current_database()") == 0;
        });
        lock.release();
    }
    EXPECT_EQ(decided(), 0);
    EXPECT_EQ(number("SELECT sum(taken) FROM lab_example.lab"), 0);
    EXPECT_TRUE(answers().empty());
    const auto next = start_lab_service(small_batches);
    expect_promise_holds(20, 5);
}

TEST_F(LabBookingTest, answers_are_events_like_any_other) {
    add_lab("c\"1\"", "chemistry", 1);
    const auto service = start_lab_service();
    const auto data = pipeline_.start_own_worker("activity-lab-data");
    const std::string learner = "Zo\u00eb \\ \"u1\"\n\u2028";
    book("booking \\ \"1\"", learner, chemistry);
    wait_until("it is decided", [&] { return decided() == 1; });
    book("booking 2", learner, chemistry);
    expect_promise_holds(2, 1);
    const auto all = answers();
    ASSERT_EQ(all.size(), 2u);
    for (const auto& [id, event] : all) {
        EXPECT_EQ(event.user_id, learner);
        EXPECT_EQ(event.source, "lab-app");
        EXPECT_EQ(event.type, EventType::track);
        EXPECT_EQ(event.context, "{}");
        EXPECT_TRUE(message_key(id).time()) << id << " tells no time";
        const auto again = EventReader().read(canonical_json(event));
        ASSERT_TRUE(std::holds_alternative<ActivityEvent>(again));
        EXPECT_EQ(std::get<ActivityEvent>(again), event);
    }
    wait_until("DataService has both", [&] {
        return number(
                   "SELECT count(*) FROM lab_example.demand WHERE lab_type = 'chemistry' AND bookings = 2 "
                   "AND allocated = 1 AND declined = 1 AND waiting = 0 AND minutes_to_answer >= 0") == 1;
    });
    // The same answer once more, as after a crash between delivery and its being noted.
    for (auto record : pipeline_.kafka().read(pipeline_.topic("lab-allocations")))
        pipeline_.kafka().write(record);
    wait_until("the repeats are recognised",
               [&] { return data.metric("activity_worker_records_duplicate_total") == 2; });
    EXPECT_EQ(number("SELECT count(*) FROM lab_example.answer"), 2);
}

/// A booking without a type will never be any better: a dead letter at once, and the others go on.
TEST_F(LabBookingTest, a_booking_without_a_type_is_a_dead_letter) {
    add_lab("c1", "chemistry", 10);
    book("good 1", "u1", chemistry, 0);
    book("bad", "u1", "{}", 0);
    book("good 2", "u1", chemistry, 0);
    const auto service = start_lab_service();
    expect_promise_holds(2, 2);
    const auto letters = pipeline_.kafka().read(pipeline_.dead_letter_topic("lab_allocation"));
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_EQ(letters[0].header("message-id"), "bad");
    EXPECT_EQ(letters[0].header("attempt"), "1");
    EXPECT_EQ(letters[0].header("dead-letter-reason"), "database");
    EXPECT_TRUE(retries(1).empty());
}

/// Put off twice, then the lab is there. One booking a transaction, so the decisions' times tell their order.
TEST_F(LabBookingTest, bookings_of_a_lab_type_to_come_wait_for_it_in_their_order) {
    add_lab("c1", "chemistry", 10);
    const auto service = start_lab_service(one_by_one);
    const std::vector<std::string> waiting{"r1", "r2", "r3", "r4"};
    for (const auto& booking : waiting) book(booking, "u1", robotics);
    book("c", "u1", chemistry);
    wait_until("they are put off twice", [&] { return retries(2).size() == waiting.size(); });
    EXPECT_EQ(decided(), 1) << "the one of another type does not wait";
    add_lab("r1", "robotics", 2);
    expect_promise_holds(5, 3);

    for (int tier = 1; tier <= 2; ++tier) {
        std::vector<std::string> order;
        for (const auto& record : retries(tier)) {
            order.push_back(record.header("message-id"));
            EXPECT_EQ(record.header("attempt"), std::to_string(tier));
            EXPECT_NE(record.header("retry-detail").find("robotics"), std::string::npos);
        }
        EXPECT_EQ(order, waiting) << tier;
    }
    EXPECT_TRUE(retries(3).empty());
    for (const auto& record : retries(2)) {
        EXPECT_EQ(
            number("SELECT count(*) FROM lab_example.allocation WHERE booking = '" +
                   record.header("message-id") + "' AND decided_at >= '" + record.header("not-before") + "'"),
            1)
            << "decided before its time";
    }
    EXPECT_EQ(
        pipeline_.session().value("SELECT string_agg(booking || coalesce(' ' || lab, ''), ', ' ORDER BY "
                                  "decided_at) FROM lab_example.allocation WHERE lab_type = 'robotics'"),
        "r1 r1, r2 r1, r3, r4");
}

TEST_F(LabBookingTest, bookings_of_a_lab_type_that_never_comes_end_as_dead_letters) {
    const auto service = start_lab_service(short_delays);
    book("r", "u1", robotics, 2);
    const auto dead_letters = pipeline_.dead_letter_topic("lab_allocation");
    wait_until("it is a dead letter", [&] { return pipeline_.kafka().written({dead_letters}) == 1; });
    for (int tier = 1; tier <= wire::retry_tiers; ++tier) {
        ASSERT_EQ(retries(tier).size(), 1u);
        EXPECT_EQ(retries(tier)[0].header("attempt"), std::to_string(tier));
    }
    const auto letter = pipeline_.kafka().read(dead_letters).at(0);
    EXPECT_EQ(letter.header("attempt"), "4");
    EXPECT_EQ(letter.header("dead-letter-reason"), "unclear");
    EXPECT_EQ(letter.header("dead-letter-group"), "lab_allocation");
    EXPECT_EQ(letter.header("dead-letter-topic"), pipeline_.topic("lab-bookings"));
    EXPECT_EQ(letter.header("dead-letter-partition"), "2");
    EXPECT_EQ(letter.header("dead-letter-offset"), "0");
    EXPECT_EQ(decided(), 0);
    EXPECT_TRUE(answers().empty());
    EXPECT_TRUE(service.is_ready());
}

}  // namespace
}  // namespace activity
