// The whole pipeline with all groups, random events and random faults: when all is quiet again, every table
// and the topic of profiles hold exactly what a model makes of the events that were acknowledged.
// ACTIVITY_TEST_SEED repeats a run's events and faults (not its timing).

#include <gtest/gtest.h>
#include <simdjson.h>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/seed.h"
#include "deploy/stack/harness/wait.h"
#include "schemas/wire/group_topics.h"
#include "workers/tests/model.h"
#include "workers/tests/random_events.h"

namespace activity {
namespace {

using namespace std::chrono_literals;
using harness::Client;
using harness::ClientEvent;
using harness::Environment;
using harness::Exit;
using harness::Ledger;
using harness::Outcome;
using harness::Pipeline;
using harness::PostgresServer;
using harness::Program;
using harness::wait_until;
using testing_workers::differences;
using testing_workers::Model;
using testing_workers::ModelEvent;
using testing_workers::RandomEvents;
using testing_workers::Rows;
using Clock = std::chrono::steady_clock;

/// An app with a learner's events in hand, as SDKs are: it sends batches and single events, again after a 503
/// or a lost connection; sometimes it hangs up, or sends once more what it has sent long ago.
class App {
  public:
    App(const Pipeline& pipeline, Ledger& ledger, unsigned seed, Clock::time_point end)
        : ledger_(ledger), ingest_(pipeline.ingest()), random_(seed), end_(end), thread_([this] { run(); }) {}
    App(const App&) = delete;
    App& operator=(const App&) = delete;
    ~App() { stop(); }

    void stop() {
        if (thread_.joinable()) thread_.join();
    }
    /// Everything that it ever tried to send. After stop().
    const std::vector<ModelEvent>& sent() const { return sent_; }

  private:
    struct Source {
        std::string name, key;
        std::vector<ClientEvent> sent;
    };

    void run() {
        Source sources[]{{"web", harness::write_key, {}}, {"app", harness::app_write_key, {}}};
        Client clients[]{{ingest_, ledger_, sources[0].key}, {ingest_, ledger_, sources[1].key}};
        while (Clock::now() < end_) {
            const auto which = random_.below(3) == 0 ? 1u : 0u;
            send_some(sources[which], clients[which]);
            std::this_thread::sleep_for(std::chrono::milliseconds(random_.below(200)));
        }
    }

    void send_some(Source& source, Client& client) {
        std::vector<ClientEvent> events;
        const std::size_t fresh = 1 + random_.below(60);
        for (std::size_t i = 0; i < fresh; ++i) {
            auto made = random_.make(source.name);
            events.push_back(made.sent);
            if (random_.chance(0.05)) events.push_back(made.sent);
            sent_.push_back(std::move(made.model));
            source.sent.push_back(std::move(made.sent));
        }
        while (random_.chance(0.85)) events.push_back(source.sent[random_.below(source.sent.size())]);
        std::shuffle(events.begin(), events.end(), random_.engine());
        if (random_.chance(0.06)) {
            client.send_and_hang_up(events, std::chrono::milliseconds(random_.below(30)));
            // Some SDKs forget what they had in hand then.
            if (random_.chance(0.5)) return;
        }
        for (int attempt = 0; attempt < 8; ++attempt) {
            const auto response = client.send(events);
            if (response && response->status == 202) return;
            std::this_thread::sleep_for(std::chrono::milliseconds(100 << std::min(attempt, 4)));
        }
    }

    Ledger& ledger_;
    harness::Endpoint ingest_;
    RandomEvents random_;
    Clock::time_point end_;
    std::vector<ModelEvent> sent_;
    std::thread thread_;
};

/// Learners of whom a table of a group can't take anything for a while: the group puts their events off. By
/// triggers that look whether they have to refuse, so that no table's lock is needed meanwhile.
constexpr const char* refusals_sql =
    "CREATE TABLE public.refused (relation text, learners int);"
    "GRANT SELECT ON public.refused TO PUBLIC;"
    "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF EXISTS (SELECT FROM public.refused WHERE relation = tg_table_name AND learners = "
    "get_byte(uuid_send(NEW.learner_key), 0) % 8) THEN RAISE EXCEPTION 'not now'; END IF; RETURN NEW; "
    "END $$;"
    "CREATE TRIGGER refuse BEFORE INSERT ON activity.rollup_active_hour FOR EACH ROW EXECUTE FUNCTION "
    "public.refuse();"
    "CREATE TRIGGER refuse BEFORE INSERT ON activity.session_learner FOR EACH ROW EXECUTE FUNCTION "
    "public.refuse();"
    "CREATE TRIGGER refuse BEFORE INSERT ON activity.learner_day FOR EACH ROW EXECUTE FUNCTION "
    "public.refuse();"
    "CREATE TRIGGER refuse BEFORE INSERT ON activity.award FOR EACH ROW EXECUTE FUNCTION public.refuse()";

/// What goes wrong. Each kind as often as it stands in the bag, in a random order.
class Faults {
  public:
    Faults(Pipeline& pipeline, unsigned seed) : pipeline_(pipeline), random_(seed) {
        ingest_.emplace(pipeline_.start_ingest());
        for (const std::size_t number : {0u, 1u}) workers_.push_back(launch(number));
        for (auto& worker : workers_) worker.wait_ready();
    }

    void run(Clock::time_point end) {
        using Fault = void (Faults::*)();
        std::vector<std::pair<std::string, Fault>> bag{
            {"a worker killed", &Faults::kill_worker},
            {"a worker killed", &Faults::kill_worker},
            {"a worker killed", &Faults::kill_worker},
            {"a worker ended by SIGTERM", &Faults::end_worker},
            {"a worker ended by SIGTERM", &Faults::end_worker},
            {"a worker stopped past its session", &Faults::stop_worker},
            {"a worker stopped past its session", &Faults::stop_worker},
            {"database sessions ended", &Faults::end_sessions},
            {"database sessions ended", &Faults::end_sessions},
            {"database sessions ended", &Faults::end_sessions},
            {"database sessions ended", &Faults::end_sessions},
            {"PostgreSQL restarted", &Faults::restart_postgres},
            {"learners refused", &Faults::refuse_learners},
            {"learners refused", &Faults::refuse_learners},
            {"ingest killed", &Faults::kill_ingest},
        };
        while (true) {
            std::shuffle(bag.begin(), bag.end(), random_);
            for (const auto& [name, fault] : bag) {
                std::this_thread::sleep_for(std::chrono::milliseconds(below(1'500)));
                if (Clock::now() >= end) return;
                (this->*fault)();
                ++done_[name];
            }
        }
    }

    /// All workers run, and nobody is refused any more.
    void cease() {
        for (auto& worker : workers_) {
            worker.wait_ready();
            EXPECT_TRUE(worker.process().running());
        }
    }
    std::string text() const {
        std::string text;
        for (const auto& [name, times] : done_)
            text += (text.empty() ? "" : ", ") + name + " × " + std::to_string(times);
        return text;
    }
    std::vector<Program>& workers() { return workers_; }

  private:
    std::size_t below(std::size_t end) {
        return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
    }

    static std::chrono::milliseconds session_timeout(std::size_t number) {
        return number == 0 ? 2'000ms : 3'500ms;
    }

    /// Small batches, so that many transactions are there to be hit; a second lane that soon finds itself
    /// behind. One of the two has a name in its group, as in a deployment.
    Program launch(std::size_t number) {
        Environment settings{
            {"ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", std::to_string(session_timeout(number).count())},
            {"ACTIVITY_WORKER_BATCH_MAX_RECORDS", number == 0 ? "40" : "150"},
            {"ACTIVITY_WORKER_BATCH_MAX_AGE_MS", number == 0 ? "20" : "60"},
            {"ACTIVITY_WORKER_NEWEST_LANE_BEHIND_RECORDS", "30"},
            {"ACTIVITY_WORKER_RETRY_1_DELAY_MS", "6000"},
            {"ACTIVITY_WORKER_RETRY_2_DELAY_MS", "6000"},
            {"ACTIVITY_WORKER_RETRY_3_DELAY_MS", "15000"}};
        if (number == 0) settings["ACTIVITY_KAFKA_INSTANCE_ID"] = "worker-0";
        return pipeline_.launch_worker(settings, number == 0 ? 1 : 2, "all");
    }

    void kill_worker() {
        const auto number = below(2);
        workers_[number].process().kill();
        workers_[number] = launch(number);
    }

    void end_worker() {
        const auto number = below(2);
        // Before that it has no handler for the signal.
        workers_[number].wait_ready();
        EXPECT_EQ(workers_[number].process().stop(SIGTERM, 60s), (Exit{0, 0}));
        workers_[number] = launch(number);
    }

    void stop_worker() {
        const auto number = below(2);
        auto& process = workers_[number].process();
        process.signal(SIGSTOP);
        const auto until = Clock::now() + session_timeout(number) + 1'500ms;
        // So that somebody else relays the outbox meanwhile, too.
        if (below(2) == 0) end_sessions();
        std::this_thread::sleep_until(until);
        process.signal(SIGCONT);
    }

    void end_sessions() {
        pipeline_.session().query(
            "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE usename = "
            "'worker' "
            "AND datname = current_database() ORDER BY md5(pid::text || '" +
            std::to_string(below(1'000)) + "') LIMIT " + std::to_string(1 + below(8)) + ") AS unlucky");
    }

    void restart_postgres() {
        harness::servers().postgres.stop();
        std::this_thread::sleep_for(std::chrono::milliseconds(below(1'500)));
        harness::servers().postgres.start();
    }

    void refuse_learners() {
        static const std::vector<std::string> relations{"rollup_active_hour", "session_learner",
                                                        "learner_day", "award"};
        auto session = pipeline_.session();
        session.query("INSERT INTO public.refused VALUES ('" + relations[below(relations.size())] + "', " +
                      std::to_string(below(8)) + ")");
        std::this_thread::sleep_for(std::chrono::milliseconds(500 + below(1'500)));
        session.query("DELETE FROM public.refused");
    }

    void kill_ingest() {
        ingest_->process().kill();
        std::this_thread::sleep_for(std::chrono::milliseconds(below(500)));
        ingest_.emplace(pipeline_.start_ingest());
    }

    Pipeline& pipeline_;
    std::mt19937 random_;
    std::optional<Program> ingest_;
    std::vector<Program> workers_;
    std::map<std::string, int> done_;
};

/// What the database and the topic hold, in the model's words.
class Found {
  public:
    Found(Pipeline& pipeline, const Model& model) : pipeline_(pipeline), model_(model) {}

    Rows rollups() {
        return rows("SELECT granularity || ' ' || " + utc("bucket") +
                    " || ' ' || dimension || ' ' || value, events || ' events, ' || coalesce(learners::text, "
                    "'no') || ' learners, ' || attempts || ' attempts, ' || solved || ' solved, ' || orders "
                    "|| ' orders, ' || clicks || ' clicks' FROM analytics.rollup");
    }
    Rows sessions() {
        return rows_of_learners("SELECT learner_key, ' from ' || " + utc("started_at") + ", 'to ' || " +
                                utc("ended_at") + " || ' × ' || events FROM activity.session");
    }
    Rows learner_days() {
        return rows_of_learners(
            "SELECT learner_key, ' ' || day || ' ' || activity, events || ' events, ' || attempts || ' "
            "attempts, ' || solved || ' solved, ' || clicks || ' clicks' FROM activity.learner_day");
    }
    Rows presence_times() {
        return rows_of_learners("SELECT learner_key, '', 'device ' || coalesce(" + utc("device_at") +
                                ", 'never') || ', place ' || coalesce(" + utc("location_at") +
                                ", 'never') FROM analytics.profile");
    }
    Rows profiles(Timestamp as_of) {
        Rows found;
        for (const auto& row :
             session_.query("SELECT learner_key, document FROM activity.profile_document(ARRAY(SELECT "
                            "learner_key FROM activity.profile), '" +
                            format_timestamp(as_of) + "')"))
            add_document(found, model_.learner_of(row[0].as<std::string>()), row[1].as<std::string>());
        return found;
    }
    Rows leaderboard() {
        Rows found;
        for (const auto& row :
             session_.query("SELECT course_id, learner_key, points || ' points, rank ' || rank FROM "
                            "analytics.leaderboard"))
            found[row[0].as<std::string>() + "/" + model_.learner_of(row[1].as<std::string>())] =
                row[2].as<std::string>();
        return found;
    }
    Rows popularity() {
        return rows("SELECT kind || ' ' || item, events || ' events, last ' || " + utc("last_at") +
                    " FROM analytics.popularity");
    }
    std::map<std::string, double> popularity_log2() {
        std::map<std::string, double> found;
        for (const auto& row :
             session_.query("SELECT kind || ' ' || item, score_log2 FROM analytics.popularity"))
            found[row[0].as<std::string>()] = row[1].as<double>();
        return found;
    }

    /// The newest document of each key of the compacted topic, without `asOf`; and what the model says of
    /// that learner as of then.
    struct Documents {
        Rows found, expected;
    };
    Documents newest_documents() {
        std::map<std::string, std::optional<std::string>> newest;
        for (const auto& record : pipeline_.kafka().read(pipeline_.topic("profiles")))
            newest[record.key.value()] = record.value;
        Documents documents;
        for (const auto& [learner, document] : newest) {
            if (!document) {
                documents.found[learner] = "a tombstone";
                continue;
            }
            const auto as_of = add_document(documents.found, learner, *document);
            documents.expected.merge(model_.profile(learner, as_of));
        }
        for (const auto& learner : model_.learners()) {
            if (!newest.contains(learner)) documents.expected[learner] = "a document";
        }
        return documents;
    }

  private:
    static std::string utc(const std::string& column) {
        return "to_char(" + column + " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')";
    }

    Rows rows(const std::string& sql) {
        Rows found;
        for (const auto& row : session_.query(sql))
            found[row[0].as<std::string>()] = row[1].as<std::string>();
        return found;
    }
    Rows rows_of_learners(const std::string& sql) {
        Rows found;
        for (const auto& row : session_.query(sql))
            found[model_.learner_of(row[0].as<std::string>()) + row[1].as<std::string>()] =
                row[2].as<std::string>();
        return found;
    }

    /// Field by field. Returns `asOf`.
    static Timestamp add_document(Rows& found, const std::string& learner, const std::string& document) {
        simdjson::dom::parser parser;
        simdjson::dom::object fields = parser.parse(document);
        Timestamp as_of{};
        for (const auto [name, value] : fields) {
            if (name == "asOf") {
                as_of = parse_timestamp(std::string_view(value)).value();
            } else if (name == "successRate" && value.is_number()) {
                found[learner + " successRate"] =
                    std::to_string(std::llround(double(value) * 10'000)) + "/10000";
            } else {
                add(found, learner + " " + std::string(name), value);
            }
        }
        return as_of;
    }
    static void add(Rows& found, const std::string& path, simdjson::dom::element value) {
        simdjson::dom::object members;
        if (value.get(members)) {
            found[path] = simdjson::minify(value);
            return;
        }
        for (const auto [name, member] : members) add(found, path + "." + std::string(name), member);
    }

    Pipeline& pipeline_;
    const Model& model_;
    harness::Session session_ = pipeline_.session();
};

class GroupsChaosTest : public ::testing::Test {
  protected:
    void run(unsigned seed);

    /// The events that took place: what was acknowledged, and what is stored of the rest.
    Model modelled(const std::vector<std::unique_ptr<App>>& apps) {
        std::set<std::string> stored;
        for (const auto& row : pipeline_.session().query("SELECT message_id FROM analytics.event"))
            stored.insert(row[0].as<std::string>());
        const auto outcomes = ledger_.outcomes();
        std::vector<ModelEvent> events;
        for (const auto& app : apps) {
            for (const auto& event : app->sent()) {
                const auto outcome = outcomes.at(event.message_id);
                if (outcome == Outcome::acknowledged ||
                    (outcome == Outcome::unknown && stored.contains(event.message_id)))
                    events.push_back(event);
            }
        }
        return Model(std::move(events));
    }

    void wait_quiet() {
        for (const auto group : wire::worker_groups)
            pipeline_.wait_caught_up(Pipeline::patience_for_backlog, std::string(group));
        wait_until("all profiles are published", [&] {
            return pipeline_.session().number("SELECT count(*) FROM activity.profile_change") == 0;
        });
    }

    static void expect_equal(const Rows& expected, const Rows& found, const char* what) {
        const auto text = differences(expected, found);
        if (!text.empty()) ADD_FAILURE() << what << ": " << text;
    }

    /// Doubles depend on the order of sums in their last digits.
    static Rows wrong_scores(const std::map<std::string, double>& expected,
                             const std::map<std::string, double>& found) {
        Rows wrong;
        for (const auto& [item, score_log2] : found) {
            const auto at = expected.find(item);
            if (at == expected.end()) continue;
            const double ratio = std::exp2(score_log2 - at->second);
            if (std::abs(ratio - 1) > 1e-9) wrong[item] = std::to_string(ratio) + " times the model's";
        }
        return wrong;
    }

    void expect_all_as(const Model& model) {
        Found found(pipeline_, model);
        const auto as_of = now();
        expect_equal(model.rollups(), found.rollups(), "rollups");
        expect_equal(model.sessions(), found.sessions(), "sessions");
        expect_equal(model.learner_days(), found.learner_days(), "days of learners");
        expect_equal(model.profiles(as_of), found.profiles(as_of), "profiles");
        expect_equal(model.presence_times(), found.presence_times(), "device and place");
        expect_equal(model.leaderboard(), found.leaderboard(), "leaderboard");
        expect_equal(model.popularity(), found.popularity(), "popularity");
        expect_equal({}, wrong_scores(model.popularity_log2(), found.popularity_log2()), "scores");
        const auto documents = found.newest_documents();
        expect_equal(documents.expected, documents.found, "newest documents of the topic");
    }

    std::int64_t put_off(std::string_view group) {
        std::vector<std::string> topics;
        for (int tier = 1; tier <= wire::retry_tiers; ++tier)
            topics.push_back(wire::retry_topic(pipeline_.topic(""), group, tier));
        return pipeline_.kafka().written(topics);
    }

    Pipeline pipeline_;
    Ledger ledger_;
};

void GroupsChaosTest::run(unsigned seed) {
    constexpr auto duration = 45s;
    pipeline_.session().query(refusals_sql);
    Faults faults(pipeline_, seed);
    const auto end = Clock::now() + duration;
    std::vector<std::unique_ptr<App>> apps;
    for (unsigned number = 1; number <= 3; ++number)
        apps.push_back(std::make_unique<App>(pipeline_, ledger_, seed + number, end));
    faults.run(end);
    for (const auto& app : apps) app->stop();
    faults.cease();
    std::cout << "faults: " << faults.text() << '\n';

    harness::expect_ledger_holds(pipeline_, ledger_);
    EXPECT_EQ(ledger_.count(Outcome::refused), 0u);
    wait_quiet();
    const Model model = modelled(apps);
    std::int64_t retried = 0;
    for (const auto group : wire::worker_groups) {
        EXPECT_EQ(pipeline_.kafka().written({pipeline_.dead_letter_topic(std::string(group))}), 0)
            << "dead letters of " << group;
        retried += put_off(group);
    }
    std::cout << ledger_.size() << " events in " << ledger_.attempts() << " attempts, "
              << ledger_.count(Outcome::unknown) << " with an unknown outcome; " << model.events()
              << " took place; " << retried << " records were put off\n";
    EXPECT_GT(model.events(), 100u) << "too few events to prove anything";
    expect_all_as(model);
    EXPECT_EQ(pipeline_.session().number(
                  "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"),
              0);
}

TEST_F(GroupsChaosTest, all_groups_hold_what_the_model_makes_of_the_acknowledged_events) {
    const unsigned seed = harness::seed();
    const std::string text = "ACTIVITY_TEST_SEED=" + std::to_string(seed);
    const ::testing::ScopedTrace trace(__FILE__, __LINE__, text);
    try {
        run(seed);
    } catch (const std::exception& error) {
        // So that it comes with the seed.
        FAIL() << error.what();
    }
}

}  // namespace
}  // namespace activity
