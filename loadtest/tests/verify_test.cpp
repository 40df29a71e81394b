// The load test's proof finds exactly what is wrong, in a real PostgreSQL, and nothing behind a real
// pipeline.

#include "loadtest/verify/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "loadtest/ledger/ledger_file.h"
#include "loadtest/traffic/platform.h"
#include "loadtest/verify/drained.h"
#include "loadtest/verify/postgres.h"

namespace activity::loadtest {
namespace {

using harness::Pipeline;
using harness::PostgresServer;
using harness::servers;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<std::string> sources{"web", "app"};

/// What a sender has: a ledger, IDs and learners of its own.
struct Sender {
    Sender(const std::filesystem::path& ledger, std::uint32_t number)
        : file(ledger), book(file), ids(number), platform({}, number) {}

    /// An entry for what happens next, written down.
    std::pair<Entry, Deed> next(std::uint8_t source) {
        Deed deed = platform.next();
        Entry entry;
        entry.key = ids.next(now());
        entry.learner = deed.learner;
        entry.course = deed.course;
        entry.activity = deed.activity;
        entry.source = source;
        index = book.write(entry);
        return {entry, std::move(deed)};
    }

    std::filesystem::path file;
    LedgerWriter book;
    RisingIds ids;
    Platform platform;
    std::uint64_t index = 0;
};

class VerifyTest : public ::testing::Test {
  protected:
    VerifyTest() {
        for (std::uint32_t i = 0; i < 3; ++i)
            senders_.push_back(std::make_unique<Sender>(directory_.path() / std::to_string(i), i));
    }

    VerifySettings settings(bool fresh = true) const {
        VerifySettings settings;
        // Of the least that reads it all.
        settings.postgres_url = pipeline_.url(PostgresServer::As::analyst);
        settings.sources = sources;
        settings.began = began_;
        settings.database_is_fresh = fresh;
        for (const auto& sender : senders_) settings.ledgers.push_back(sender->file);
        return settings;
    }

    /// A row as the workers would have written it.
    void store(const UuidBytes& key, const std::string& activity, std::uint32_t learner, std::uint16_t course,
               const std::string& source, const std::string& received_at = "now()") {
        rows_ += (rows_.empty() ? "('" : ", ('") + format_uuid(key) + "', 'track', '" + activity + "', '" +
                 learner_id(learner) + "', '" + source + "', " +
                 (course == 0 ? "NULL" : "'" + course_id(course) + "'") + ", now(), " + received_at +
                 ", '{}', '{}')";
    }
    void store(const Entry& entry) {
        store(entry.key, std::string(activities[entry.activity]), entry.learner, entry.course,
              sources[entry.source]);
    }
    void flush() {
        pipeline_.session().query(
            "INSERT INTO activity.event (message_key, type, activity, user_id, source, course_id, "
            "occurred_at, received_at, properties, context) VALUES " +
            rows_);
        rows_.clear();
    }

    Timestamp began_ = now();
    Pipeline pipeline_;
    harness::Directory directory_{"verify"};
    std::vector<std::unique_ptr<Sender>> senders_;
    std::string rows_;
};

TEST_F(VerifyTest, FindsExactlyWhatIsWrong) {
    // Nothing of the schema lets a row in twice; what is verified is not what guards it.
    pipeline_.session().query("ALTER TABLE activity.event DROP CONSTRAINT event_pkey");
    std::vector<UuidBytes> acknowledged, refused;
    std::uint64_t unknown = 0;
    for (std::uint32_t i = 0; i < 3'000; ++i) {
        auto& sender = *senders_[i % senders_.size()];
        const auto [entry, deed] = sender.next(static_cast<std::uint8_t>(i % 2));
        if (i % 10 == 7) {
            sender.book.settle(sender.index, Outcome::refused, 400);
            refused.push_back(entry.key);
        } else if (i % 10 == 3) {
            if (++unknown % 2 == 0) store(entry);
        } else {
            sender.book.settle(sender.index, Outcome::acknowledged, 202);
            acknowledged.push_back(entry.key);
            store(entry);
        }
    }
    flush();

    auto found = verify(settings());
    EXPECT_TRUE(found.holds());
    EXPECT_EQ(found.entries, 3'000U);
    EXPECT_EQ(found.acknowledged, 2'400U);
    EXPECT_EQ(found.refused, 300U);
    EXPECT_EQ(found.unknown, 300U);
    EXPECT_EQ(found.unknown_stored, 150U);
    EXPECT_EQ(found.stored, 2'550U);
    EXPECT_THAT(found.counters, IsEmpty()) << "no group runs";
    EXPECT_THAT(found.skipped, Contains(HasSubstr("rollups: no worker")));

    const auto lost = acknowledged[1'000], doubled = acknowledged[2'000], said_no = refused[100];
    const auto foreign = senders_[0]->ids.next(now() + std::chrono::hours{1});
    const auto older = senders_[1]->ids.next(now());
    pipeline_.session().query("DELETE FROM activity.event WHERE message_key = '" + format_uuid(lost) + "'");
    store(doubled, "Page Viewed", 1, 0, "web", "now() + interval '1 hour'");
    store(said_no, "Page Viewed", 1, 0, "app");
    store(foreign, "Page Viewed", 1, 0, "web");
    flush();
    found = verify(settings());
    EXPECT_FALSE(found.holds());
    EXPECT_EQ(found.lost, 1U);
    EXPECT_THAT(found.lost_examples, ElementsAre(format_uuid(lost)));
    EXPECT_EQ(found.doubled, 1U);
    EXPECT_THAT(found.doubled_examples, ElementsAre(format_uuid(doubled)));
    EXPECT_EQ(found.refused_stored, 1U);
    EXPECT_THAT(found.refused_stored_examples, ElementsAre(format_uuid(said_no)));
    EXPECT_EQ(found.never_sent, 1U);
    EXPECT_THAT(found.never_sent_examples, ElementsAre(format_uuid(foreign)));

    // Beside others: what came before the run or from other sources is not this run's business.
    store(older, "Page Viewed", 1, 0, "web", "now() - interval '1 day'");
    store(senders_[2]->ids.next(now()), "Page Viewed", 1, 0, "elsewhere");
    flush();
    EXPECT_EQ(verify(settings(false)).never_sent, 1U);
    EXPECT_EQ(verify(settings(true)).never_sent, 3U);
}

TEST_F(VerifyTest, SaysWhatIsTheMatter) {
    auto wrong = settings();
    const auto complaint = [&] {
        try {
            verify(wrong);
        } catch (const std::exception& error) {
            return std::string(error.what());
        }
        return std::string("none");
    };
    wrong.postgres_url = "postgresql://worker:secret-word@127.0.0.1:" + std::to_string(harness::free_port()) +
                         "/" + pipeline_.database();
    EXPECT_THAT(complaint(), HasSubstr("Connection refused"));
    wrong.postgres_url = settings().postgres_url;
    const auto at = wrong.postgres_url.find('@');
    wrong.postgres_url.replace(at - 3, 3, "xxx");
    EXPECT_THAT(complaint(), HasSubstr("password authentication failed"));
    wrong.postgres_url = "postgresql://worker:secret%word@localhost/activity";
    EXPECT_THAT(complaint(), HasSubstr("URL can't be used"));
    EXPECT_THAT(complaint(), ::testing::Not(HasSubstr("secret")));
    wrong.postgres_url = settings().postgres_url;
    wrong.postgres_url.replace(wrong.postgres_url.rfind('/') + 1, std::string::npos, "postgres");
    EXPECT_THAT(complaint(), HasSubstr("activityctl migrate"));

    wrong = settings();
    wrong.sources.pop_back();
    const auto [entry, deed] = senders_[0]->next(1);
    EXPECT_THAT(complaint(), HasSubstr("2 sources, but 1 have a name"));
    wrong.ledgers.push_back(directory_.path() / "missing");
    EXPECT_THAT(complaint(), HasSubstr("missing"));
}

/// All groups, all outcomes, repeats: the counters mean what the proof takes them for.
TEST_F(VerifyTest, HoldsBehindThePipeline) {
    DrainSettings drain;
    drain.postgres_url = pipeline_.url(PostgresServer::As::analyst);
    drain.cluster.bootstrap = servers().kafka.bootstrap();
    drain.topic_prefix = pipeline_.topic("");
    drain.timeout = std::chrono::milliseconds{1};
    EXPECT_THAT(wait_until_drained(drain).text(), HasSubstr("no worker has run yet"));

    const auto ingest = pipeline_.start_ingest();
    auto worker = pipeline_.start_worker({}, 2, "all");

    harness::Connection connection(pipeline_.ingest());
    simdjson::dom::parser parser;
    std::uint64_t accepted = 0, refused = 0;
    const auto send = [&](Sender& sender, std::uint8_t source, int count) {
        std::string body = R"({"batch":[)";
        const auto first = sender.book.size();
        for (int i = 0; i < count; ++i) {
            const auto [entry, deed] = sender.next(source);
            if (i > 0) body += ',';
            body += R"({"type":"track","messageId":")" + format_uuid(entry.key) + R"(","userId":")" +
                    learner_id(deed.learner) + R"(","event":")";
            if (i % 25 != 3) body += activities[deed.activity];
            body += R"(","timestamp":")" + format_timestamp(now() - std::chrono::seconds{deed.late_s}) +
                    R"(","properties":)" + deed.properties + "}";
        }
        body += "]}";
        const auto* key = source == 0 ? harness::write_key : harness::app_write_key;
        // Every time once more, as a client that missed the answer.
        for (int repeat = 0; repeat < 2; ++repeat) {
            connection.send(harness::http_request(
                "POST", "/v1/batch", body,
                {{"Authorization", harness::authorization(key)}, {"Content-Type", "application/json"}}));
            const auto response = connection.receive();
            ASSERT_EQ(response.status, 202) << response.body;
            auto index = first;
            for (const auto result : parser.parse(response.body)["results"].get_array()) {
                const bool yes = std::string_view(result["status"]) == "accepted";
                sender.book.settle(index++, yes ? Outcome::acknowledged : Outcome::refused, 202);
                if (repeat == 0) ++(yes ? accepted : refused);
            }
            ASSERT_EQ(index, sender.book.size());
        }
    };
    for (int i = 0; i < 60; ++i)
        send(*senders_[static_cast<std::size_t>(i % 3)], static_cast<std::uint8_t>(i % 2), 50);
    EXPECT_EQ(refused, 120U);

    drain.timeout = Pipeline::patience_for_backlog;
    const auto drained = wait_until_drained(drain);
    ASSERT_TRUE(drained) << drained.text();
    auto found = verify(settings());
    EXPECT_TRUE(found.holds());
    EXPECT_EQ(found.stored, accepted);
    EXPECT_EQ(found.refused, refused);
    EXPECT_EQ(found.counters.size(), 12U);
    for (const auto& check : found.counters) {
        EXPECT_EQ(check.differences, 0U) << check.group << ", " << check.what << ": " << check.example;
        EXPECT_GT(check.expected, 0U) << check.group << ", " << check.what;
    }
    EXPECT_THAT(found.skipped, ElementsAre(HasSubstr("leaderboard")));
    found = verify(settings(false));
    EXPECT_TRUE(found.holds());
    EXPECT_EQ(found.counters.size(), 2U);

    // A group that counts a message twice leaves no second row of it.
    pipeline_.session().query(
        "UPDATE activity.rollup SET events = events + 1 WHERE granularity = 'day' AND dimension = 'course' "
        "AND value = 'course-1'");
    found = verify(settings());
    EXPECT_FALSE(found.holds());
    EXPECT_TRUE(found.Comparison::holds());
    const auto wrong =
        std::ranges::find_if(found.counters, [](const auto& it) { return it.differences > 0; });
    ASSERT_NE(wrong, found.counters.end());
    EXPECT_EQ(wrong->group, "rollups");
    EXPECT_EQ(wrong->differences, 1U);
    EXPECT_EQ(wrong->found, wrong->expected + 1);
    EXPECT_THAT(wrong->example, HasSubstr("course-1: "));

    // What nobody reads yet is a lag of every group.
    worker.process().stop(SIGTERM, std::chrono::seconds{60});
    accepted = 0;
    send(*senders_[0], 0, 50);
    drain.timeout = std::chrono::milliseconds{1};
    const auto behind = wait_until_drained(drain);
    EXPECT_FALSE(behind);
    EXPECT_EQ(behind.lags.size(), 6U) << behind.text();
    EXPECT_THAT(behind.text(), HasSubstr("activity-rollups lacks " + std::to_string(2 * accepted)));
}

}  // namespace
}  // namespace activity::loadtest
