// activityctl as an operator runs it, against real servers.

#include <simdjson.h>
#include <csignal>

#include "deploy/activityctl/tests/operator.h"

namespace activity::harness {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// --- topics ---

TEST_F(Operator, ApplyingTheCatalogueAgainChangesNothing) {
    const auto again = ctl({"topics", "apply"});
    EXPECT_EQ(again.code, 0) << again.err;
    EXPECT_THAT(again.out,
                AllOf(HasSubstr("unchanged"), Not(HasSubstr("created")), Not(HasSubstr("altered"))));
    EXPECT_THAT(again.err, IsEmpty());
}

TEST_F(Operator, TwoWhoApplyAtOnceBothSucceed) {
    const Environment elsewhere{{"ACTIVITY_TOPIC_PREFIX", pipeline_.topic("twice.")}};
    const auto as_many = pipeline_.kafka().topics(pipeline_.topic("")).size();
    auto one = start("one", {"topics", "apply"}, "", elsewhere);
    auto two = start("two", {"topics", "apply"}, "", elsewhere);
    EXPECT_EQ(finish("one", std::move(one)).code, 0);
    EXPECT_EQ(finish("two", std::move(two)).code, 0);
    EXPECT_THAT(pipeline_.kafka().topics(pipeline_.topic("twice.")), SizeIs(as_many));
}

TEST_F(Operator, AChangedCatalogueAltersOptionsAndAddsPartitionsOnlyWhenTold) {
    ASSERT_EQ(ctl({"topics", "apply"}, "", catalogue_with("3600000", 2)).code, 0);

    const auto careful = ctl({"topics", "apply"}, "", catalogue_with("7200000", 4));
    EXPECT_EQ(careful.code, 0) << careful.err;
    EXPECT_THAT(careful.out, HasSubstr("retention.ms: 3600000 → 7200000"));
    EXPECT_THAT(careful.err, HasSubstr("--add-partitions"));
    EXPECT_THAT(ctl({"topics", "describe", "mine"}).out,
                AllOf(HasSubstr("2 partitions"), HasSubstr("7200000")));

    const auto told = ctl({"topics", "apply", "--add-partitions"}, "", catalogue_with("7200000", 4));
    EXPECT_EQ(told.code, 0) << told.err;
    EXPECT_THAT(told.out, HasSubstr("2 → 4"));
    EXPECT_THAT(ctl({"topics", "describe", "mine"}).out, HasSubstr("4 partitions"));
}

TEST_F(Operator, AlteringAnOptionKeepsTheOthersOfTheTopic) {
    // An option that the catalogue does not name is somebody's decision, and stays.
    ASSERT_EQ(
        ctl({"topics", "create", "mine", "--partitions", "1", "--config", "segment.bytes=1048576"}).code, 0);
    ASSERT_EQ(ctl({"topics", "apply"}, "", catalogue_with("7200000", 1)).code, 0);
    EXPECT_THAT(ctl({"topics", "describe", "mine"}).out, AllOf(HasSubstr("7200000"), HasSubstr("1048576")));
}

TEST_F(Operator, DeletingNeedsAYes) {
    ASSERT_EQ(ctl({"topics", "create", "doomed", "--partitions", "1"}).code, 0);
    const auto refused = ctl({"topics", "delete", "doomed"}, "y\n");
    EXPECT_EQ(refused.code, 2);
    EXPECT_THAT(refused.err, HasSubstr("--yes"));
    EXPECT_THAT(pipeline_.kafka().topics(pipeline_.topic("doomed")), SizeIs(1));

    EXPECT_EQ(ctl({"topics", "delete", "doomed", "--yes"}).code, 0);
    EXPECT_THAT(pipeline_.kafka().topics(pipeline_.topic("doomed")), IsEmpty());
    EXPECT_EQ(ctl({"topics", "delete", "doomed", "--yes"}).code, 1);
    // Gone for good: the name is free again at once.
    EXPECT_EQ(ctl({"topics", "create", "doomed", "--partitions", "1"}).code, 0);
}

// --- produce, consume ---

TEST_F(Operator, WhatIsProducedLiesInKafkaAsItWasGiven) {
    const auto lines = ctl({"produce", "other", "--key", "web/u1", "--header", "a=1", "--header", "b=x=y"},
                           "first\n{\"q\": 1}\n");
    EXPECT_EQ(lines.code, 0) << lines.err;
    EXPECT_THAT(lines.err, HasSubstr("2 records stored"));
    const auto records = pipeline_.kafka().read(pipeline_.topic("other"));
    ASSERT_THAT(records, SizeIs(2));
    EXPECT_EQ(records[0].key, "web/u1");
    EXPECT_EQ(records[0].value, "first");
    EXPECT_EQ(records[1].value, "{\"q\": 1}");
    EXPECT_EQ(records[0].header("a"), "1");
    EXPECT_EQ(records[0].header("b"), "x=y");
    // The same key lies where another client of Kafka puts it.
    const auto neighbour = put(pipeline_.topic("other"), -1, "web/u1", "by another");
    EXPECT_EQ(neighbour.at.partition, records[0].at.partition);
}

TEST_F(Operator, RecordsWithoutAKeyAreSpread) {
    std::string input;
    for (int i = 0; i < 400; ++i) input += std::to_string(i) + "\n";
    ASSERT_EQ(ctl({"produce", "other"}, input).code, 0);
    std::map<int, int> by_partition;
    for (const auto& record : pipeline_.kafka().read(pipeline_.topic("other"))) {
        EXPECT_FALSE(record.key);
        ++by_partition[record.at.partition];
    }
    EXPECT_GT(by_partition.size(), 1U);
}

TEST_F(Operator, AnyBytesCanBeConsumedAsJsonAndProducedAgain) {
    const std::string bytes("\xff\x00\n\"poison\"", 11);
    const std::string json = R"({"a":1.5,"b":[null]})";
    const auto source = pipeline_.topic("other");
    put(source, 3, "k\n", bytes, {{"h", bytes}, {"h", "again"}});
    put(source, 3, "k2", json);
    const auto consumed = ctl({"consume", "other", "--until-end", "--format", "json"});
    EXPECT_EQ(consumed.code, 0) << consumed.err;
    ASSERT_EQ(ctl({"produce", "presence", "--format", "json"}, consumed.out).code, 0);

    auto copies = pipeline_.kafka().read(pipeline_.topic("presence"));
    ASSERT_THAT(copies, SizeIs(2));
    if (copies[0].key == "k2") std::swap(copies[0], copies[1]);
    EXPECT_EQ(copies[0].key, "k\n");
    EXPECT_EQ(copies[0].value, bytes);
    EXPECT_THAT(copies[0].headers, ElementsAre(testing::Pair("h", bytes), testing::Pair("h", "again")));
    EXPECT_EQ(copies[1].value, json);
}

TEST_F(Operator, LinesThatCannotBeSentAreNamedAndTheOthersSent) {
    const auto ran = ctl({"produce", "other", "--format", "json"},
                         "{\"value\":\"a\"}\nnonsense\n{\"value\":\"b\",\"partition\":2}\n");
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err,
                AllOf(HasSubstr("line 2: "), HasSubstr("2 records stored"), HasSubstr("1 line refused")));
    EXPECT_THAT(pipeline_.kafka().read(pipeline_.topic("other")), SizeIs(2));
    EXPECT_EQ(ctl({"produce", "no-such-topic"}, "a\n").code, 1);
    EXPECT_EQ(ctl({"produce", "other", "--partition", "8"}, "a\n").code, 1);
}

TEST_F(Operator, ReadingStartsWhereItIsTold) {
    for (const auto* value : {"0", "1", "2", "3"}) put(pipeline_.topic("other"), 0, std::nullopt, value);
    const auto read = [&](std::vector<std::string> options) {
        std::vector<std::string> arguments{"consume",     "other",    "--partition", "0",
                                           "--until-end", "--format", "value"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        return ctl(arguments).out;
    };
    EXPECT_EQ(read({}), "0\n1\n2\n3\n");
    EXPECT_EQ(read({"--from", "2"}), "2\n3\n");
    EXPECT_EQ(read({"--max", "1"}), "0\n");
    EXPECT_EQ(read({"--from", "end"}), "");
    EXPECT_EQ(read({"--from", "2020-01-01T00:00:00Z"}), "0\n1\n2\n3\n");
    EXPECT_EQ(read({"--from", "2100-01-01T00:00:00Z"}), "");
    EXPECT_EQ(ctl({"consume", "other", "--from", "yesterday"}).code, 2);
}

TEST_F(Operator, AGroupGoesOnWhereItStopped) {
    ASSERT_EQ(ctl({"produce", "other"}, "1\n2\n3\n").code, 0);
    const auto group = pipeline_.topic("readers");
    const std::vector<std::string> consume{"consume",     "other",    "--group", group,
                                           "--until-end", "--format", "value"};
    const auto first = ctl(consume);
    EXPECT_EQ(first.code, 0) << first.err;
    EXPECT_EQ(std::ranges::count(first.out, '\n'), 3);
    EXPECT_EQ(pipeline_.kafka().members(group), 0U);
    ASSERT_EQ(ctl({"produce", "other"}, "4\n").code, 0);
    EXPECT_EQ(ctl(consume).out, "4\n");
    // Reading without a group leaves nothing behind.
    EXPECT_EQ(std::ranges::count(ctl({"consume", "other", "--until-end", "--format", "value"}).out, '\n'), 4);
    EXPECT_EQ(ctl(consume).out, "");
    EXPECT_EQ(ctl({"consume", "other", "--group", pipeline_.group()}).code, 2);
}

TEST_F(Operator, AnInterruptEndsAReaderCleanlyAndCommits) {
    ASSERT_EQ(ctl({"produce", "other", "--key", "k"}, "1\n2\n").code, 0);
    const auto group = pipeline_.topic("readers");
    auto reader = start("reader", {"consume", "other", "--group", group, "--format", "value"});
    wait_until("both records are printed", [&] { return read_file(file("reader.out")) == "1\n2\n"; });
    reader.signal(SIGINT);
    const auto ran = finish("reader", std::move(reader));
    EXPECT_EQ(ran.code, 0);
    EXPECT_THAT(ran.err, HasSubstr("2 records"));
    EXPECT_EQ(pipeline_.kafka().members(group), 0U);
    EXPECT_EQ(ctl({"consume", "other", "--group", group, "--until-end", "--format", "value"}).out, "");
}

// --- lag ---

TEST_F(Operator, LagShowsBothOffsets) {
    auto worker = pipeline_.start_worker();
    for (int i = 0; i < 3; ++i) put(pipeline_.topic("other"), 5, "k", "not an event");
    pipeline_.wait_caught_up();
    worker.process().stop(SIGTERM, 60s);
    for (int i = 0; i < 2; ++i) put(pipeline_.topic("other"), 5, "k", "not an event");

    simdjson::dom::parser parser;
    const auto line_of = [&](const std::string& json) {
        for (const simdjson::dom::element line : parser.parse(json).get_array()) {
            if (line["topic"].get_string().value() == pipeline_.topic("other") &&
                line["partition"].get_int64() == 5)
                return line;
        }
        throw std::runtime_error("no line of that partition in " + json);
    };
    const auto both = ctl({"lag", "--group", "records", "--json"});
    ASSERT_EQ(both.code, 0) << both.err;
    EXPECT_THAT(both.err, IsEmpty());
    const auto line = line_of(both.out);
    EXPECT_EQ(line["group"].get_string().value(), pipeline_.group());
    EXPECT_EQ(line["postgres_next"].get_int64().value(), 3);
    EXPECT_EQ(line["kafka_committed"].get_int64().value(), 3);
    EXPECT_EQ(line["end"].get_int64().value(), 5);
    EXPECT_EQ(line["kafka_lag"].get_int64().value(), 2);
    EXPECT_EQ(line["postgres_lag"].get_int64().value(), 2);

    const auto without_database = ctl({"lag", "--json"}, "", {{"ACTIVITY_POSTGRES_URL", ""}});
    EXPECT_EQ(without_database.code, 0);
    EXPECT_THAT(without_database.err, HasSubstr("note: "));
    EXPECT_EQ(line_of(without_database.out)["kafka_lag"].get_int64().value(), 2);

    const auto without_kafka = ctl({"lag", "--json"}, "", {{"ACTIVITY_KAFKA_BOOTSTRAP", ""}});
    EXPECT_EQ(without_kafka.code, 0);
    EXPECT_EQ(line_of(without_kafka.out)["postgres_next"].get_int64().value(), 3);
    EXPECT_TRUE(line_of(without_kafka.out)["end"].is_null());
}

// --- migrate, partitions ---

class Migrations : public Operator {
  protected:
    Migrations() {
        servers().postgres.create_database(name_, "template0");
        std::filesystem::create_directory(file("sql"));
        write("0001_one.sql", "CREATE TABLE public.one (a integer); SELECT pg_sleep(0.5);");
        write("0002_two.sql", "CREATE TABLE public.two (a integer);");
    }
    ~Migrations() override { servers().postgres.drop_database(name_); }

    void write(const std::string& name, const std::string& sql) const { write_file(file("sql") / name, sql); }
    Environment settings() const {
        return {{"ACTIVITY_POSTGRES_URL", servers().postgres.url(name_, PostgresServer::As::owner)},
                {"ACTIVITY_MIGRATIONS", file("sql")}};
    }
    Ran migrate(const std::vector<std::string>& options = {}) {
        std::vector<std::string> arguments{"migrate"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        return ctl(arguments, "", settings());
    }
    std::string value(const std::string& sql) const {
        return Session(servers().postgres.url(name_, PostgresServer::As::superuser)).value(sql);
    }

    const std::string name_ = pipeline_.database() + "_migrations";
};

TEST_F(Migrations, AreAppliedOnceByTwoAtOnce) {
    EXPECT_EQ(migrate({"--check"}).code, 1);
    auto one = start("one", {"migrate"}, "", settings());
    auto two = start("two", {"migrate"}, "", settings());
    const auto first = finish("one", std::move(one));
    const auto second = finish("two", std::move(two));
    EXPECT_EQ(first.code, 0) << first.err;
    EXPECT_EQ(second.code, 0) << second.err;
    EXPECT_THAT(first.out + second.out, AllOf(HasSubstr("2 applied"), HasSubstr("nothing to apply")));
    EXPECT_EQ(value("SELECT count(*) FROM activity_migration.applied"), "2");

    const auto again = migrate();
    EXPECT_EQ(again.code, 0);
    EXPECT_THAT(again.out, HasSubstr("nothing to apply"));
    EXPECT_EQ(migrate({"--check"}).code, 0);
}

TEST_F(Migrations, AFileThatFailsLeavesNothing) {
    write("0003_three.sql", "CREATE TABLE public.three (a integer);\nSELEC 1;");
    const auto failed = migrate();
    EXPECT_EQ(failed.code, 1);
    EXPECT_THAT(failed.err, AllOf(HasSubstr("0003_three.sql was not applied"), HasSubstr("LINE 2")));
    EXPECT_EQ(value("SELECT coalesce(to_regclass('public.three')::text, '-')"), "-");
    EXPECT_EQ(value("SELECT count(*) FROM activity_migration.applied"), "2");
    // Mended, it goes on from there.
    write("0003_three.sql", "CREATE TABLE public.three (a integer);");
    EXPECT_THAT(migrate().out, HasSubstr("1 applied, 2 were there already"));
}

TEST_F(Migrations, AFileThatWasAppliedMustNotChange) {
    ASSERT_EQ(migrate().code, 0);
    write("0001_one.sql", "CREATE TABLE public.one (a integer, b integer);");
    const auto changed = migrate();
    EXPECT_EQ(changed.code, 1);
    EXPECT_THAT(changed.err, HasSubstr("0001_one.sql was changed"));
}

TEST_F(Migrations, AFileThatEndsItsTransactionIsRefused) {
    write("0003_three.sql", "SELECT 1; COMMIT; SELECT 2;");
    const auto refused = migrate();
    EXPECT_EQ(refused.code, 1);
    EXPECT_THAT(refused.err, HasSubstr("commits or rolls back by itself"));
    EXPECT_EQ(value("SELECT count(*) FROM activity_migration.applied"), "2");
}

TEST_F(Operator, PartitionsAreCreatedAheadAndDroppedByAge) {
    const auto session = [&] { return pipeline_.session(PostgresServer::As::superuser); };
    const auto days = [&] {
        return session().number(
            "SELECT count(*) FROM pg_inherits JOIN pg_class ON oid = inhrelid "
            "WHERE inhparent = 'activity.event'::regclass AND relname ~ '^event_[0-9]{8}$'");
    };
    ASSERT_EQ(ctl({"partitions", "create", "--days-ahead", "2", "--days-back", "9"}).code, 0);
    EXPECT_EQ(days(), 12);
    EXPECT_THAT(ctl({"partitions", "create", "--days-ahead", "2", "--days-back", "9"}).out,
                HasSubstr("0 created, 12 were there"));
    EXPECT_EQ(ctl({"partitions", "drop", "--older-than-days", "4"}).code, 2);
    EXPECT_EQ(days(), 12);
    EXPECT_EQ(ctl({"partitions", "forget", "--older-than-days", "4"}).code, 2);
    EXPECT_THAT(ctl({"partitions", "drop", "--older-than-days", "4", "--yes"}).out, HasSubstr("5 dropped"));
    EXPECT_EQ(days(), 7);
    EXPECT_THAT(ctl({"partitions", "list"}).out,
                AllOf(HasSubstr("event_default"), HasSubstr("event_hashed")));
}

// --- mistakes ---

TEST_F(Operator, AServerThatIsNotThereIsNamedWithItsSetting) {
    const auto start_time = std::chrono::steady_clock::now();
    const auto kafka =
        ctl({"topics", "list", "--timeout", "1"}, "", {{"ACTIVITY_KAFKA_BOOTSTRAP", "127.0.0.1:1"}});
    EXPECT_LT(std::chrono::steady_clock::now() - start_time, 20s);
    EXPECT_EQ(kafka.code, 1);
    EXPECT_THAT(kafka.err,
                AllOf(HasSubstr("no broker answers at 127.0.0.1:1"), HasSubstr("ACTIVITY_KAFKA_BOOTSTRAP")));

    EXPECT_EQ(ctl({"topics", "list"}, "", {{"ACTIVITY_KAFKA_BOOTSTRAP", ""}}).code, 2);
    const auto database =
        ctl({"partitions", "list"}, "", {{"ACTIVITY_POSTGRES_URL", "postgresql://u:hunter2@127.0.0.1:1/x"}});
    EXPECT_EQ(database.code, 1);
    EXPECT_THAT(database.err, HasSubstr("ACTIVITY_POSTGRES_URL"));
}

TEST_F(Operator, APasswordIsNeverShown) {
    for (const auto* url : {"postgresql://u:hunter2@127.0.0.1:1/x", "postgresql://u:hun@ter2@host/x",
                            "postgresql://u:hun:ter2@[/x", "postgresql://u:hunter2@127.0.0.1:hunter2/x",
                            "host=127.0.0.1 password=my hunter2", "hunter2"}) {
        const auto ran = ctl({"migrate"}, "", {{"ACTIVITY_POSTGRES_URL", url}});
        EXPECT_EQ(ran.code, 1) << url;
        EXPECT_THAT(ran.out + ran.err, AllOf(Not(HasSubstr("hunter2")), Not(HasSubstr("ter2")))) << url;
    }
}

TEST_F(Operator, AWrongCommandIsAUsageError) {
    EXPECT_EQ(ctl({}).code, 2);
    EXPECT_EQ(ctl({"topcs"}).code, 2);
    EXPECT_EQ(ctl({"topics", "create", "x", "--partitions", "none"}).code, 2);
    EXPECT_EQ(ctl({"--help"}).code, 0);
    EXPECT_THAT(ctl({"--version"}).out, HasSubstr("activityctl "));
}

}  // namespace
}  // namespace activity::harness
