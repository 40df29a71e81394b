// What an operator asks and does about learners: erase, access, export, report. Against real servers.

#include <simdjson.h>
#include <csignal>

#include "deploy/activityctl/tests/operator.h"
#include "schemas/activity/event.h"
#include "schemas/activity/learner_key.h"
#include "schemas/activity/timestamp.h"

namespace activity::harness {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Learners : public Operator {
  protected:
    /// As ingest writes it.
    void send(const std::string& message_id, const std::string& user, const std::string& anonymous = "",
              const std::string& activity = "Question Asked") {
        ActivityEvent event;
        event.message_id = message_id;
        event.activity = activity;
        event.user_id = user;
        event.anonymous_id = anonymous;
        event.source = "web";
        event.occurred_at = event.received_at = now();
        event.properties = properties_;
        KafkaRecord record;
        record.at = {pipeline_.topic("live-class"), -1};
        record.key = "web/" + event.learner();
        record.value = canonical_json(event);
        record.headers = {{"message-id", message_id},
                          {"source", "web"},
                          {"schema", "-"},
                          {"received-at", format_timestamp(event.received_at)},
                          {"attempt", "0"}};
        pipeline_.kafka().write(record);
    }

    std::string properties_ = R"({"note":"a \"quoted\", line"})";

    std::int64_t events_of(const std::string& learner) const {
        return pipeline_.session().number(
            "SELECT count(*) FROM activity.event WHERE coalesce(user_id, anonymous_id) = '" + learner + "'");
    }

    /// As if a worker had stored them.
    void store_events(int count) {
        pipeline_.session().query(
            "INSERT INTO activity.event (message_key, type, activity, user_id, source, occurred_at, "
            "received_at, "
            "properties, context) SELECT ('ff' || substr(md5(n::text), 3))::uuid, 'track', 'Question Asked', "
            "'u1', "
            "'web', now(), now(), '" +
            properties_ + "', '{}' FROM generate_series(1, " + std::to_string(count) + ") AS n");
    }

    /// A group's table with a learner in it, as a migration registers it.
    void make_group_table() {
        pipeline_.session().query(
            "CREATE TABLE activity.visit (learner_key uuid, visits bigint);"
            "ALTER TABLE activity.visit OWNER TO activity_owner;"
            "INSERT INTO activity.group_table VALUES ('records', 'visit', 'learner_key');"
            "INSERT INTO activity.visit VALUES ('" +
            learner_key("web/u1").text() + "', 7), ('" + learner_key("web/u2").text() + "', 8)");
    }
};

TEST_F(Learners, AnErasedLearnerIsGoneAndStaysGone) {
    make_group_table();
    auto worker = pipeline_.start_worker();
    send("m1", "u1", "a1");
    send("m2", "u1");
    send("m3", "u2");
    send("m4", "", "a1");
    pipeline_.wait_caught_up();
    const std::vector<std::string> user{"--source", "web", "--user", "u1"};
    const auto erase = [&](std::vector<std::string> more) {
        more.insert(more.begin(), user.begin(), user.end());
        more.insert(more.begin(), "erase");
        return ctl(more);
    };

    EXPECT_EQ(erase({"--report"}).code, 1);
    EXPECT_EQ(erase({}).code, 2) << "nobody can be asked";
    const auto dry = erase({"--dry-run"});
    EXPECT_EQ(dry.code, 0) << dry.err;
    EXPECT_THAT(dry.err, HasSubstr("--anonymous a1"));
    EXPECT_EQ(events_of("u1"), 2);

    const auto ran = erase({"--yes"});
    EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
    EXPECT_THAT(ran.out, AllOf(HasSubstr("Complete"), HasSubstr("live-class"), HasSubstr("Backups")));
    EXPECT_THAT(ran.err, AllOf(HasSubstr("2 rows of activity.event"), HasSubstr("--anonymous a1")));
    EXPECT_EQ(events_of("u1"), 0);
    EXPECT_EQ(events_of("u2"), 1);
    EXPECT_EQ(events_of("a1"), 1) << "a device may be somebody else's too";
    EXPECT_EQ(pipeline_.session().value("SELECT string_agg(visits::text, ',') FROM activity.visit"), "8");
    EXPECT_EQ(erase({"--report"}).code, 0);

    const auto with_device = erase({"--anonymous", "a1", "--yes", "--json"});
    EXPECT_EQ(with_device.code, 0) << with_device.out << with_device.err;
    EXPECT_EQ(events_of("a1"), 0);
    simdjson::dom::parser parser;
    EXPECT_TRUE(parser.parse(with_device.out)["complete"].get_bool().value()) << with_device.out;

    // Read again from the beginning, it does not come back; what is new is somebody's who came back.
    EXPECT_EQ(ctl({"replay", "--group", "records", "--from", "beginning", "--yes"}).code, 0);
    send("m5", "u1");
    wait_until("the new event is stored", [&] { return events_of("u1") == 1; });
    pipeline_.wait_caught_up();
    EXPECT_EQ(events_of("u1"), 1);
    EXPECT_EQ(events_of("a1"), 0);
}

TEST_F(Learners, ErasingWaitsForAWorkerInTheMiddleOfItsTransaction) {
    auto worker = pipeline_.start_worker();
    send("m0", "u2");
    pipeline_.wait_caught_up();
    // The worker has looked at the tombstones and stops before its insert.
    TableLock lock(pipeline_.url(PostgresServer::As::superuser), "activity.event");
    send("m1", "u1");
    wait_until("the worker waits for the table", [&] {
        return pipeline_.session().number(
                   "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = "
                   "'activity.event'::regclass") > 0;
    });
    auto erasing = start("erasing", {"erase", "--source", "web", "--user", "u1", "--yes"});
    wait_until("erase waits for the worker", [&] {
        return pipeline_.session().number(
                   "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = "
                   "'activity.erased'::regclass") > 0;
    });
    lock.release();
    const auto ran = finish("erasing", std::move(erasing));
    EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
    pipeline_.wait_caught_up();
    EXPECT_EQ(events_of("u1"), 0);
}

TEST_F(Learners, EverythingThatIsStoredAboutALearnerIsExported) {
    make_group_table();
    auto worker = pipeline_.start_worker();
    for (const auto* id : {"m1", "m2"}) send(id, "u1");
    send("m3", "u2");
    pipeline_.wait_caught_up();
    const auto output = file("u1.ndjson").string();
    const auto ran = ctl({"access", "--source", "web", "--user", "u1", "--output", output});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("3 rows"));
    const auto text = read_file(output);
    EXPECT_THAT(text, AllOf(HasSubstr(R"("table":"activity.visit")"), HasSubstr("\"visits\":7"),
                            HasSubstr("\"m1\""), HasSubstr("\"m2\""), Not(HasSubstr("m3"))));
    EXPECT_EQ(ctl({"access", "--source", "web", "--user", "u1", "--output", output}).code, 1);
    EXPECT_EQ(ctl({"access", "--source", "web", "--user", "u1", "--output", output, "--overwrite"}).code, 0);
    EXPECT_EQ(ctl({"access", "--source", "web", "--user", "u1"}).out, text);
}

TEST_F(Learners, EventsOfATimeAreExported) {
    store_events(2'500);
    const auto ran = ctl({"export", "--from", "1h", "--to", "now"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(std::ranges::count(ran.out, '\n'), 2'500);
    simdjson::dom::parser parser;
    const auto first = ran.out.substr(0, ran.out.find('\n'));
    EXPECT_EQ(parser.parse(first)["activity"].get_string().value(), "Question Asked") << first;

    const auto output = file("events.csv").string();
    const auto csv = ctl(
        {"export", "--from", "1h", "--to", "now", "--by", "received", "--format", "csv", "--output", output});
    EXPECT_EQ(csv.code, 0) << csv.err;
    EXPECT_THAT(csv.err, HasSubstr("2,500 events"));
    const auto text = read_file(output);
    EXPECT_EQ(std::ranges::count(text, '\n'), 2'501);
    EXPECT_THAT(text.substr(0, 30), HasSubstr("message_id,type,activity"));
    EXPECT_THAT(text, HasSubstr(R"("{""note"": ""a \""quoted\"", line""}")"));
    EXPECT_EQ(ctl({"export", "--from", "now", "--to", "1h"}).code, 2);
    EXPECT_THAT(ctl({"export", "--from", "2d", "--to", "1d"}).out, IsEmpty());
}

TEST_F(Learners, AnInterruptedExportIsNamedAsSuch) {
    store_events(300'000);
    const auto output = file("events.ndjson").string();
    auto exporting = start("exporting", {"export", "--from", "1h", "--to", "now", "--output", output});
    wait_until("something is written", [&] {
        return std::filesystem::exists(output + ".partial") &&
               std::filesystem::file_size(output + ".partial") > 0;
    });
    exporting.signal(SIGINT);
    const auto ran = finish("exporting", std::move(exporting));
    EXPECT_EQ(ran.code, 1) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr(output + ".partial"));
    EXPECT_FALSE(std::filesystem::exists(output));
}

TEST_F(Learners, AnErasureReachesAllGroupsAndTheTopicOfProfiles) {
    auto worker = pipeline_.start_worker({}, 1, "all");
    for (int i = 0; i < 3; ++i) send("m" + std::to_string(i), "u1", "", "Problem Submitted");
    send("m9", "u2", "", "Problem Submitted");
    const auto profiles = [&](const std::string& key) {
        std::optional<std::optional<std::string>> newest;
        for (const auto& record : pipeline_.kafka().read(pipeline_.topic("profiles"))) {
            if (record.key == key) newest = record.value;
        }
        return newest;
    };
    wait_until("both profiles are published", [&] { return profiles("web/u1") && profiles("web/u2"); });
    wait_until("all groups have read all", [&] {
        return pipeline_.session().number(
                   "SELECT (SELECT count(*) FROM activity.event) + (SELECT count(*) FROM "
                   "activity.session) + (SELECT count(*) FROM activity.rollup_active_day WHERE "
                   "course_id = '')") == 8;
    });
    const auto counted = [&] {
        return pipeline_.session().number(
            "SELECT events FROM activity.rollup WHERE granularity = 'day' AND dimension = 'all'");
    };
    EXPECT_EQ(counted(), 4);

    const auto access = ctl({"access", "--source", "web", "--user", "u1"});
    for (const auto* table : {"activity.event", "activity.profile", "activity.learner_day",
                              "activity.session", "activity.rollup_active_day"})
        EXPECT_THAT(access.out, HasSubstr(std::string(R"("table":")") + table + '"'));

    const auto ran = ctl({"erase", "--source", "web", "--user", "u1", "--yes", "--timeout", "60"});
    EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
    EXPECT_THAT(ran.out,
                AllOf(HasSubstr("Complete"), HasSubstr("tombstone"), HasSubstr("activity.session_learner")));
    EXPECT_EQ(profiles("web/u1"), std::optional<std::optional<std::string>>(std::optional<std::string>()));
    EXPECT_TRUE(profiles("web/u2").value_or(std::nullopt));
    EXPECT_EQ(pipeline_.session().number("SELECT count(*) FROM activity.profile"), 1);
    EXPECT_EQ(counted(), 4) << "counts stay";
    EXPECT_THAT(ctl({"access", "--source", "web", "--user", "u1"}).err, HasSubstr("1 row "));
}

TEST_F(Learners, ReportsShowWhatTheGroupsHaveStored) {
    auto worker = pipeline_.start_worker({}, 1, "all");
    for (const auto* report : {"learners", "courses", "leaderboard"})
        EXPECT_EQ(ctl({"report", report}).code, 0) << report;
    properties_ = R"({"courseId":"algebra-1","problemId":"p1","solved":true})";
    send("m1", "u1", "", "Problem Submitted");
    send("m2", "u2", "", "Problem Submitted");
    properties_ = R"({"courseId":"algebra-1","problemId":"p2","solved":true})";
    send("m3", "u1", "", "Problem Submitted");
    wait_until("all groups have read all", [&] {
        return pipeline_.session().number(
                   "SELECT (SELECT coalesce(sum(events), 0) FROM activity.profile) + (SELECT "
                   "coalesce(sum(events), 0) FROM "
                   "activity.rollup WHERE granularity = 'day' AND dimension = 'course') + (SELECT count(*) "
                   "FROM "
                   "activity.leaderboard WHERE course_id = 'algebra-1')") == 8;
    });
    simdjson::dom::parser parser;
    const auto json = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "report");
        arguments.emplace_back("--json");
        const auto ran = ctl(arguments);
        EXPECT_EQ(ran.code, 0) << ran.err;
        return parser.parse(ran.out).value();
    };
    EXPECT_EQ(json({"learners", "--top", "1"}).get_array().size(), 1U);
    EXPECT_EQ(json({"learners", "--source", "web", "--user", "u1"}).at(0)["solved"].get_int64().value(), 2);
    EXPECT_EQ(ctl({"report", "learners", "--source", "web", "--user", "nobody"}).code, 1);
    const auto course = json({"courses"}).at(0);
    EXPECT_EQ(course["course"].get_string().value(), "algebra-1");
    EXPECT_EQ(course["attempts"].get_int64().value(), 3);
    EXPECT_EQ(course["learners_a_day"].get_double().value(), 2);
    const auto now = json({"live"});
    EXPECT_EQ(now["minutes"].get_array().size(), 60U);
    EXPECT_EQ(now["courses"].at(0)["events"].get_int64().value(), 3);
    EXPECT_THAT(ctl({"report", "live"}).out, HasSubstr("algebra-1"));
    const auto best = json({"leaderboard", "--course", "algebra-1"});
    EXPECT_EQ(best.at(0)["user"].get_string().value(), "u1");
    EXPECT_EQ(best.at(0)["rank"].get_int64().value(), 1);
    EXPECT_EQ(json({"leaderboard", "--course", "algebra-1", "--source", "web", "--user", "u2"})
                  .at(0)["rank"]
                  .get_int64()
                  .value(),
              2);
    EXPECT_THAT(ctl({"report", "leaderboard", "--format", "csv"}).out, HasSubstr("rank,points,source,user"));
    EXPECT_EQ(ctl({"report", "leaderboard", "--source", "web", "--user", "nobody"}).code, 1);
    EXPECT_EQ(ctl({"report", "learners", "--user", "u1"}).code, 2);
    EXPECT_EQ(ctl({"report", "courses", "--from", "now", "--to", "7d"}).code, 2);
}

}  // namespace
}  // namespace activity::harness
