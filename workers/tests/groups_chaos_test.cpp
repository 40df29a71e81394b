// The whole pipeline with all groups, random events and random faults: when all is quiet again, every table
// and the topic of profiles hold exactly what a model makes of the events that were acknowledged.
// ACTIVITY_TEST_SEED repeats a run's events and faults (not its timing).

#include <gtest/gtest.h>
#include <algorithm>
#include <chrono>
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
#include "schemas/wire/group_topics.h"
#include "workers/tests/answers.h"
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
using testing_workers::expect_answers_as;
using testing_workers::Model;
using testing_workers::ModelEvent;
using testing_workers::RandomEvents;
using testing_workers::wait_answered;
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
    wait_answered(pipeline_);
    const Model model = modelled(apps);
    std::int64_t retried = 0;
    for (const auto group : wire::worker_groups) retried += put_off(group);
    std::cout << ledger_.size() << " events in " << ledger_.attempts() << " attempts, "
              << ledger_.count(Outcome::unknown) << " with an unknown outcome; " << model.events()
              << " took place; " << retried << " records were put off\n";
    EXPECT_GT(model.events(), 100u) << "too few events to prove anything";
    expect_answers_as(pipeline_, model);
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
