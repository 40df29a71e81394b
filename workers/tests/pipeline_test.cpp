// From the front door to the row: what is stored is what was sent, and once.

#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"
#include "schemas/activity/json.h"
#include "schemas/activity/timestamp.h"

namespace activity {
namespace {

using harness::Client;
using harness::ClientEvent;
using harness::Ledger;
using harness::Pipeline;

std::string quoted(const std::string& text) {
    std::string result;
    json::append_string(result, text);
    return result;
}

/// What a client sends, and the row that it must become.
struct Example {
    std::string message_id, type, sent;
    std::string expected;  ///< JSON object: the columns of analytics.event

    /// In a batch each event names its type, which may well come last.
    ClientEvent in_batch() const {
        return {message_id, sent.substr(0, sent.size() - 1) + R"(,"type":)" + quoted(type) + "}"};
    }
};

/// Values that have broken such pipelines elsewhere. None of them is invalid.
const std::vector<std::string> awkward_texts{
    "Robert'); DROP TABLE activity.event;--",
    "%s %n $1 ? :name",
    "tab\tnewline\ncarriage\rreturn",
    "back\\slash \\N \\.",
    "Größe 数学 🎓 e\u0301",
    "'\"`",
    "{\"a\":1}",
    "\x01\x1f\x7f",
    "NULL",
    "null",
    // U+2028, a byte order mark, a private-use character
    "\u2028 \ufeff \ue000",
    "",
};

Example track_example(int i) {
    const std::string text = quoted(awkward_texts[static_cast<std::size_t>(i) % awkward_texts.size()]);
    const std::string id = harness::new_message_id(),
                      user = "learner " + std::to_string(i % 17) + " O'Neill;--";
    const std::string time = "2026-10-0" + std::to_string(i % 9 + 1) + "T12:34:56.789Z";
    const std::string properties =
        R"({"courseId":"course-)" + std::to_string(i % 5) + R"(","text":)" + text + R"(,"i":)" +
        std::to_string(i) +
        R"(,"big":9007199254740993,"negative":-9223372036854775808,"small":1e-7,"half":0.5,"none":null,)"
        R"("yes":true,"nested":{"list":[1,[2,{"three":"3"}],[]],"empty":{}}})";
    const std::string context = R"({"library":{"name":"test","version":"1.2.3"},"note":)" + text + "}";
    const std::string event = i % 3 == 0   ? "Question Asked"
                              : i % 3 == 1 ? "Store Order Placed"
                                           : "Something New " + std::to_string(i % 4);
    return {id, "track",
            R"({"messageId":)" + quoted(id) + R"(,"userId":)" + quoted(user) +
                R"(,"anonymousId":"browser-7","event":)" + quoted(event) + R"(,"timestamp":")" + time +
                R"(","properties":)" + properties + R"(,"context":)" + context + "}",
            R"({"message_id":)" + quoted(id) + R"(,"type":"track","activity":)" + quoted(event) +
                R"(,"user_id":)" + quoted(user) +
                R"(,"anonymous_id":"browser-7","source":"web","course_id":"course-)" + std::to_string(i % 5) +
                R"(","occurred_at":")" + time + R"(","properties":)" + properties + R"(,"context":)" +
                context + "}"};
}

/// Such a text in every field that a client can choose, names of members too.
Example awkward_example(const std::string& text) {
    const auto with = [&](const std::string& word) { return quoted(word + " " + text); };
    const std::string properties = R"({"courseId":)" + with("course") + R"(,"text":)" + quoted(text) + "," +
                                   with("property") + ":" + quoted(text) + "}";
    const std::string context = "{" + with("context") + ":[" + quoted(text) + "]}";
    return {"message " + text, "track",
            R"({"messageId":)" + with("message") + R"(,"userId":)" + with("user") + R"(,"anonymousId":)" +
                with("device") + R"(,"event":)" + with("event") +
                R"(,"timestamp":"2026-10-10T10:00:00Z","properties":)" + properties + R"(,"context":)" +
                context + "," + with("extra") + ":" + quoted(text) + "}",
            R"({"message_id":)" + with("message") + R"(,"type":"track","activity":)" + with("event") +
                R"(,"user_id":)" + with("user") + R"(,"anonymous_id":)" + with("device") +
                R"(,"source":"web","course_id":)" + with("course") +
                R"(,"occurred_at":"2026-10-10T10:00:00Z","properties":)" + properties + R"(,"context":)" +
                context + "}"};
}

/// The other calls of the tracking API: what they are called in the catalogue, and the members of their own.
struct Call {
    std::string type, activity, own;
};
const std::vector<Call> other_calls{{"page", "Page Viewed", R"("name":"Lecture 7")"},
                                    {"screen", "Screen Viewed", R"("name":"Lecture 7")"},
                                    {"identify", "Learner Identified", ""},
                                    {"group", "Group Joined", R"("groupId":"class-9b")"},
                                    {"alias", "Alias Created", R"("previousId":"browser-0")"}};

/// Of somebody who has not signed in, from another time zone. Traits are properties in the row.
Example other_example(int i, const Call& call) {
    const std::string id = harness::new_message_id(), anonymous = "browser-" + std::to_string(i % 11);
    const bool traits = call.type == "identify" || call.type == "group";
    const std::string properties = R"({"i":)" + std::to_string(i) + R"(,"plan":"Größe"})";
    return {id, call.type,
            R"({"messageId":)" + quoted(id) + R"(,"anonymousId":)" + quoted(anonymous) +
                (call.own.empty() ? "" : ",") + call.own + R"(,"timestamp":"2026-10-10T10:00:00+02:00",")" +
                (traits ? "traits" : "properties") + R"(":)" + properties + "}",
            R"({"message_id":)" + quoted(id) + R"(,"type":)" + quoted(call.type) + R"(,"activity":)" +
                quoted(call.activity) + R"(,"user_id":null,"anonymous_id":)" + quoted(anonymous) +
                R"(,"source":"web","course_id":null,"occurred_at":"2026-10-10T08:00:00Z","properties":)" +
                properties + R"(,"context":{}})"};
}

class PipelineTest : public ::testing::Test {
  protected:
    /// Every column as sent, compared by PostgreSQL itself and in both directions.
    void expect_rows(const std::vector<Example>& examples) {
        std::string expected = "[";
        for (const Example& example : examples)
            expected += (expected.size() > 1 ? "," : "") + example.expected;
        expected += "]";
        auto session = pipeline_.session(harness::PostgresServer::As::analyst);
        pqxx::work work(session.connection());
        work.exec("SET TIME ZONE 'UTC'");
        const std::string wanted =
            "SELECT message_id, type, activity, user_id, anonymous_id, source, course_id, occurred_at, "
            "properties, context FROM "
            "jsonb_to_recordset(" +
            work.quote(expected) +
            "::jsonb) AS t (message_id text, type text, activity text, user_id text, "
            "anonymous_id text, source text, course_id text, occurred_at timestamptz, properties jsonb, "
            "context jsonb)";
        // Without what the front door adds: the client's address.
        const std::string there =
            "SELECT message_id, type, activity, user_id, anonymous_id, source, course_id, occurred_at, "
            "properties, context - 'ip' FROM analytics.event";
        EXPECT_EQ(work.exec1("SELECT count(*) FROM analytics.event WHERE context->>'ip' IS DISTINCT FROM "
                             "'127.0.0.0'")[0]
                      .as<int>(),
                  0);
        for (const auto& [left, right, what] : {std::tuple(wanted, there, "sent, and not stored so"),
                                                std::tuple(there, wanted, "stored, and not sent so")}) {
            const auto rows = work.exec("(" + left + ") EXCEPT ALL (" + right + ")");
            EXPECT_EQ(rows.size(), 0u) << what;
            if (rows.empty()) continue;
            for (const auto& field : rows.front())
                ADD_FAILURE() << what << ": " << field.name() << " = " << field.c_str();
        }
    }

    Pipeline pipeline_;
    Ledger ledger_;
};

TEST_F(PipelineTest, every_event_becomes_one_row_with_its_fields_as_sent) {
    const auto ingest = pipeline_.start_ingest();
    const auto worker = pipeline_.start_worker();
    const auto another_worker = pipeline_.start_worker({}, 2);

    std::vector<Example> examples;
    for (int i = 0; i < 900; ++i) examples.push_back(track_example(i));
    for (int i = 0; i < 100; ++i)
        for (const Call& call : other_calls) examples.push_back(other_example(i, call));

    // A third one by one, by four clients at once; the others in batches.
    const auto send_all = [&] {
        std::vector<std::jthread> clients;
        for (std::size_t number = 0; number < 4; ++number) {
            clients.emplace_back([&, number] {
                Client client(pipeline_.ingest(), ledger_);
                std::vector<ClientEvent> batch;
                for (std::size_t i = number; i < examples.size(); i += 4) {
                    const Example& example = examples[i];
                    if (i % 3 == 0) {
                        const auto response =
                            client.send({example.message_id, example.sent}, "/v1/" + example.type);
                        EXPECT_TRUE(response && response->status == 202) << example.sent;
                    } else {
                        batch.push_back(example.in_batch());
                    }
                    if (batch.size() == 50) {
                        EXPECT_TRUE(client.send(batch));
                        batch.clear();
                    }
                }
                EXPECT_TRUE(client.send(batch));
            });
        }
    };
    send_all();
    ASSERT_EQ(ledger_.count(harness::Outcome::acknowledged), examples.size());
    harness::expect_ledger_holds(pipeline_, ledger_);
    expect_rows(examples);
    // What has no column of its own is kept beside.
    EXPECT_EQ(pipeline_.session().number(
                  "SELECT count(*) FROM activity.event WHERE extra->>'groupId' = 'class-9b'"),
              100);
    EXPECT_EQ(
        pipeline_.session().number("SELECT count(*) FROM activity.event WHERE extra->>'name' = 'Lecture 7'"),
        200);
    const auto fingerprint = [&] {
        return pipeline_.session().value(
            "SELECT md5(string_agg(t::text, '' ORDER BY message_key)) FROM activity.event t");
    };
    const std::string before = fingerprint();

    // The same again: Kafka has every record twice, PostgreSQL's rows have not changed by a byte.
    send_all();
    harness::expect_ledger_holds(pipeline_, ledger_);
    EXPECT_EQ(pipeline_.kafka().written(pipeline_.event_topics()),
              static_cast<std::int64_t>(2 * examples.size()));
    EXPECT_EQ(fingerprint(), before);
    EXPECT_EQ(worker.metric("activity_worker_records_duplicate_total") +
                  another_worker.metric("activity_worker_records_duplicate_total"),
              static_cast<double>(examples.size()));
}

TEST_F(PipelineTest, text_that_means_something_to_a_database_means_nothing_in_any_field) {
    const auto ingest = pipeline_.start_ingest();
    const auto worker = pipeline_.start_worker();
    Client client(pipeline_.ingest(), ledger_);
    std::vector<Example> examples;
    std::vector<ClientEvent> batch;
    for (const std::string& text : awkward_texts) {
        examples.push_back(awkward_example(text));
        batch.push_back(examples.back().in_batch());
    }
    ASSERT_TRUE(client.send(batch));
    ASSERT_EQ(ledger_.count(harness::Outcome::acknowledged), examples.size());
    harness::expect_ledger_holds(pipeline_, ledger_);
    expect_rows(examples);
    EXPECT_EQ(pipeline_.session().number("SELECT count(*) FROM activity.event WHERE "
                                         "extra->>('extra ' || (properties->>'text')) = properties->>'text'"),
              static_cast<std::int64_t>(examples.size()));
}

TEST_F(PipelineTest, a_clients_wrong_clock_is_corrected_by_its_time_of_sending) {
    const auto ingest = pipeline_.start_ingest();
    const auto worker = pipeline_.start_worker();
    Client client(pipeline_.ingest(), ledger_);
    // By the client's clock it is 1999, and the event happened 60 s before it is sent.
    const ClientEvent event{"skewed",
                            R"({"type":"track","event":"Question Asked","userId":"u","messageId":"skewed",)"
                            R"("timestamp":"1999-12-31T23:59:00Z","sentAt":"2000-01-01T00:00:00Z"})"};
    ASSERT_EQ(client.send(event)->status, 202);
    harness::expect_ledger_holds(pipeline_, ledger_);
    EXPECT_EQ(
        pipeline_.session().value("SELECT received_at - occurred_at = interval '60 s' FROM analytics.event"),
        "t");
    EXPECT_EQ(pipeline_.session().value("SELECT now() - received_at < interval '5 min' AND stored_at >= "
                                        "received_at FROM analytics.event"),
              "t");
}

TEST_F(PipelineTest, events_of_an_unknown_activity_are_stored_too) {
    const auto ingest = pipeline_.start_ingest();
    const auto worker = pipeline_.start_worker();
    Client client(pipeline_.ingest(), ledger_);
    ASSERT_EQ(client.send(harness::track(harness::new_message_id(), "u", "Nobody Foresaw This"))->status,
              202);
    EXPECT_EQ(pipeline_.kafka().written({pipeline_.topic("other")}), 1);
    harness::expect_ledger_holds(pipeline_, ledger_);
    EXPECT_EQ(pipeline_.session().value("SELECT activity FROM analytics.event"), "Nobody Foresaw This");
}

TEST_F(PipelineTest, a_message_without_an_id_gets_one_and_is_told) {
    const auto ingest = pipeline_.start_ingest();
    const auto worker = pipeline_.start_worker();
    harness::Connection connection(pipeline_.ingest());
    connection.send(harness::http_request("POST", "/v1/track", R"({"event":"Question Asked","userId":"u"})",
                                          {{"Authorization", harness::authorization()}}));
    const auto response = connection.receive();
    ASSERT_EQ(response.status, 202) << response.body;
    pipeline_.wait_caught_up();
    const std::string message_id = pipeline_.session().value("SELECT message_id FROM analytics.event");
    EXPECT_NE(response.body.find("\"" + message_id + "\""), std::string::npos)
        << message_id << " in " << response.body;
}

}  // namespace
}  // namespace activity
