// Profiles: the same whatever order events come in; and the topic that others follow has every profile as it
// is in the end, and never one that was rolled back.

#include <gtest/gtest.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/seed.h"
#include "deploy/stack/harness/wait.h"
#include "schemas/activity/learner_key.h"
#include "schemas/activity/message_key.h"
#include "workers/groups/groups.h"
#include "workers/tests/applied_group.h"
#include "workers/tests/shared_pipeline_test.h"

namespace activity {
namespace {

using namespace std::chrono_literals;
using harness::Client;
using harness::ClientEvent;
using harness::Ledger;
using harness::Pipeline;
using harness::PostgresServer;
using harness::Program;
using harness::TableLock;
using harness::wait_until;
using testing_workers::AppliedGroup;
using testing_workers::at;
using testing_workers::event;

class ProfilesTest : public testing_workers::SharedPipelineTest {
  protected:
    std::string worker_url() const { return pipeline_.url(PostgresServer::As::worker); }

    /// A member of the learner's document as of that time, as text: `->`, so `null` is a member that is null.
    std::string member(const std::string& user, const std::string& as_of, const std::string& path) {
        return pipeline_.session(PostgresServer::As::analyst)
            .value("SELECT coalesce((document #> '{" + path +
                   "}')::text, 'absent') FROM "
                   "activity.profile_document(ARRAY['" +
                   learner_key("web/" + user).text() + "'::uuid], '" + as_of + "')");
    }
};

// Fixed clocks --------------------------------------------------------------------------------------------

class ProfileClockTest : public ProfilesTest {
  protected:
    void come(const std::string& time, const std::string& activity = "question_asked",
              const std::string& properties = "{}") {
        worker_.apply(event("u", activity, at(time), properties));
    }
    std::string document(const std::string& as_of, const std::string& path) {
        return member("u", as_of, path);
    }

    AppliedGroup worker_{worker_url(), "profiles"};
};

TEST_F(ProfileClockTest, windows_are_days_of_utc_that_end_today) {
    come("2026-03-31T00:00:00Z");
    come("2026-03-30T23:59:59.999999Z");
    come("2026-03-25T00:00:00Z");
    come("2026-03-24T23:59:59.999999Z");
    come("2026-03-02T00:00:00Z", "problem_opened");
    come("2026-03-01T23:59:59.999999Z", "problem_opened");
    const auto* const now = "2026-03-31T23:59:59Z";
    EXPECT_EQ(document(now, "days1"), "1");
    EXPECT_EQ(document(now, "days7"), "3");
    EXPECT_EQ(document(now, "days30"), "5");
    EXPECT_EQ(document(now, "events"), "6");
    EXPECT_EQ(document(now, "activities,question_asked"), R"({"days1" : 1, "days7" : 3, "days30" : 4})");
    EXPECT_EQ(document(now, "activities,problem_opened"), R"({"days1" : 0, "days7" : 0, "days30" : 1})");
    // A second later it is another day.
    EXPECT_EQ(document("2026-04-01T00:00:00Z", "days1"), "0");
    EXPECT_EQ(document("2026-04-01T00:00:00Z", "days7"), "2");
    EXPECT_EQ(document("2026-04-01T00:00:00Z", "days30"), "4");
    EXPECT_EQ(document("2026-06-01T00:00:00Z", "activities"), "{}");
}

TEST_F(ProfileClockTest, windows_do_not_depend_on_the_sessions_time_zone) {
    come("2026-03-31T01:00:00Z");
    auto session = pipeline_.session();
    pqxx::work work(session.connection());
    work.exec("SET LOCAL TimeZone = 'America/Los_Angeles'");
    const auto row = work.exec1(
        "SELECT document ->> 'days1', document ->> 'lastSeenAt', document ->> 'asOf' FROM "
        "activity.profile_document(ARRAY['" +
        learner_key("web/u").text() + "'::uuid], '2026-03-31T02:00:00Z')");
    EXPECT_EQ(row[0].as<std::string>(), "1");
    EXPECT_EQ(row[1].as<std::string>(), "2026-03-31T01:00:00.000000Z");
    EXPECT_EQ(row[2].as<std::string>(), "2026-03-31T02:00:00.000000Z");
}

TEST_F(ProfileClockTest, a_streak_ends_today_or_yesterday) {
    come("2026-02-27T12:00:00Z");
    come("2026-02-28T23:59:59.999999Z");
    come("2026-03-01T00:00:00Z");
    come("2026-03-01T10:00:00Z", "problem_opened");
    EXPECT_EQ(document("2026-02-26T12:00:00Z", "streakDays"), "0");
    EXPECT_EQ(document("2026-02-27T12:00:00Z", "streakDays"), "1");
    EXPECT_EQ(document("2026-03-01T23:59:59Z", "streakDays"), "3");
    EXPECT_EQ(document("2026-03-02T23:59:59Z", "streakDays"), "3");
    EXPECT_EQ(document("2026-03-03T00:00:00Z", "streakDays"), "0");
}

TEST_F(ProfileClockTest, a_late_event_joins_two_runs_of_days) {
    for (const auto* day : {"01", "02", "04", "05"}) come("2026-03-" + std::string(day) + "T12:00:00Z");
    EXPECT_EQ(document("2026-03-05T12:00:00Z", "streakDays"), "2");
    come("2026-03-03T12:00:00Z");
    EXPECT_EQ(document("2026-03-05T12:00:00Z", "streakDays"), "5");
    // What lies ahead is not of today.
    come("2026-03-06T00:00:30Z");
    EXPECT_EQ(document("2026-03-05T23:59:50Z", "streakDays"), "5");
    EXPECT_EQ(document("2026-03-06T01:00:00Z", "streakDays"), "6");
}

TEST_F(ProfileClockTest, a_long_streak_is_counted_to_its_beginning) {
    std::vector<ActivityEvent> events;
    for (int day = 0; day < 400; ++day)
        events.push_back(event("u", "question_asked", at("2026-03-01T12:00:00Z") - std::chrono::days(day)));
    worker_.apply(events);
    EXPECT_EQ(document("2026-03-01T12:00:00Z", "streakDays"), "400");
    EXPECT_EQ(document("2026-03-01T12:00:00Z", "days30"), "30");
}

TEST_F(ProfileClockTest, a_profile_begins_with_the_earliest_event_whenever_it_comes) {
    come("2026-03-05T12:00:00Z");
    come("2026-03-01T12:00:00Z");
    come("2026-03-03T12:00:00Z");
    EXPECT_EQ(document("2026-03-05T12:00:00Z", "firstSeenAt"), R"("2026-03-01T12:00:00.000000Z")");
    EXPECT_EQ(document("2026-03-05T12:00:00Z", "lastSeenAt"), R"("2026-03-05T12:00:00.000000Z")");
}

TEST_F(ProfileClockTest, the_success_rate_is_of_attempts) {
    const auto* const now = "2026-03-05T12:00:00Z";
    come("2026-03-05T12:00:00Z", "problem_opened", R"({"solved":true})");
    EXPECT_EQ(document(now, "successRate"), "null");
    EXPECT_EQ(document(now, "attempts"), "0");
    come("2026-03-05T12:00:00Z", "problem_submitted", R"({"problemId":"p","solved":true})");
    come("2026-03-05T12:00:00Z", "problem_submitted", R"({"problemId":"p","solved":false})");
    come("2026-03-05T12:00:00Z", "problem_submitted", R"({"problemId":"p"})");
    EXPECT_EQ(document(now, "attempts"), "3");
    EXPECT_EQ(document(now, "solved"), "1");
    EXPECT_EQ(document(now, "successRate"), "0.3333");
}

TEST_F(ProfileClockTest, the_newest_device_and_location_win) {
    const auto* const now = "2026-03-05T12:00:00Z";
    EXPECT_EQ(pipeline_.session().number("SELECT count(*) FROM activity.profile"), 0);
    come("2026-03-02T12:00:00Z", "device_used", R"({"deviceId":"d","kind":"phone","os":"Android"})");
    come("2026-03-01T12:00:00Z", "device_used", R"({"kind":"tv"})");
    EXPECT_EQ(document(now, "device"), R"({"os": "Android", "kind": "phone"})");
    come("2026-03-03T12:00:00Z", "device_used", R"({"kind":"laptop"})");
    EXPECT_EQ(document(now, "device"), R"({"kind": "laptop"})");
    come("2026-03-04T12:00:00Z", "device_used", R"({"deviceId":"tells nothing else"})");
    EXPECT_EQ(document(now, "device"), R"({"kind": "laptop"})");
    EXPECT_EQ(document(now, "country"), "null");

    // All of a place comes from one event: no region of another country.
    come("2026-03-02T12:00:00Z", "location_updated", R"({"country":"IN","region":"Goa","city":"Panaji"})");
    come("2026-03-03T12:00:00Z", "location_updated", R"({"country":"NP"})");
    come("2026-03-01T12:00:00Z", "location_updated", R"({"country":"DE","region":"Bremen"})");
    EXPECT_EQ(document(now, "country"), R"("NP")");
    EXPECT_EQ(document(now, "region"), "null");
}

TEST_F(ProfileClockTest, an_identify_call_tells_the_device_by_its_context) {
    auto identify = event("u", "learner_identified", at("2026-03-02T12:00:00Z"));
    identify.type = EventType::identify;
    identify.context = R"({"device":{"id":"secret","type":"ios"},"os":{"name":"iOS","version":"17"}})";
    worker_.apply(identify);
    EXPECT_EQ(document("2026-03-05T12:00:00Z", "device"), R"({"os": "iOS", "kind": "ios"})");
}

TEST_F(ProfileClockTest, of_two_devices_at_the_same_time_the_larger_message_key_wins) {
    auto one = event("u", "device_used", at("2026-03-02T12:00:00Z"), R"({"kind":"phone"})");
    auto two = event("u", "device_used", at("2026-03-02T12:00:00Z"), R"({"kind":"tablet"})");
    if (message_key(one.message_id) > message_key(two.message_id)) std::swap(one, two);
    const auto wanted =
        two.properties == R"({"kind":"phone"})" ? R"({"kind": "phone"})" : R"({"kind": "tablet"})";
    worker_.apply(two);
    worker_.apply(one);
    EXPECT_EQ(document("2026-03-05T12:00:00Z", "device"), wanted);
    // The same two of somebody else, in one batch.
    for (auto* copy : {&one, &two}) copy->user_id = "v";
    pipeline_.session().query("TRUNCATE activity.seen_profiles");
    worker_.apply(std::vector{two, one});
    EXPECT_EQ(member("v", "2026-03-05T12:00:00Z", "device"), wanted);
}

TEST_F(ProfileClockTest, an_id_may_be_a_users_and_somebodys_who_is_not_signed_in) {
    auto anonymous = event("", "question_asked", at("2026-03-02T12:00:00Z"));
    anonymous.anonymous_id = "u";
    worker_.apply(anonymous);
    EXPECT_EQ(document("2026-03-05T12:00:00Z", "userId"), "null");
    EXPECT_EQ(document("2026-03-05T12:00:00Z", "anonymousId"), R"("u")");
    come("2026-03-02T12:00:00Z");
    EXPECT_EQ(document("2026-03-05T12:00:00Z", "userId"), R"("u")");
    EXPECT_EQ(document("2026-03-05T12:00:00Z", "anonymousId"), R"("u")");
}

TEST_F(ProfileClockTest, clicks_are_summed_by_day) {
    come("2026-03-02T12:00:00Z", "resource_clicked", R"({"clicks":3})");
    come("2026-03-02T13:00:00Z", "resource_clicked", R"({"clicks":4})");
    come("2026-03-02T13:00:00Z", "resource_clicked", R"({"clicks":-4})");
    come("2026-03-02T13:00:00Z", "resource_clicked", R"({"clicks":9223372036854775807})");
    come("2026-03-03T13:00:00Z", "resource_clicked", R"({"clicks":1})");
    EXPECT_EQ(pipeline_.session().value(
                  "SELECT string_agg(day || ' ' || events || ' ' || clicks, ', ' ORDER BY day) "
                  "FROM activity.learner_day"),
              "2026-03-02 4 7, 2026-03-03 1 1");
}

/// Names come from clients. A document that no record can hold would stop all others behind it.
TEST_F(ProfileClockTest, a_document_has_an_end) {
    std::vector<ActivityEvent> events;
    for (int i = 0; i < 1'000; ++i)
        events.push_back(event("u", std::string(300, 'x') + std::to_string(i), at("2026-03-02T12:00:00Z")));
    for (int i = 0; i < 1'000; ++i)
        events.push_back(event("u", std::to_string(i), at("2026-03-02T12:00:00Z")));
    worker_.apply(events);
    EXPECT_EQ(document("2026-03-02T13:00:00Z", "days1"), "2000");
    EXPECT_LT(
        pipeline_.session().number("SELECT length(document::text) FROM activity.profile_document(ARRAY['" +
                                   learner_key("web/u").text() + "'::uuid], '2026-03-02T13:00:00Z')"),
        100'000);
}

TEST_F(ProfileClockTest, analysts_see_profiles_as_of_now) {
    worker_.apply(event("u", "question_asked", now()));
    EXPECT_EQ(
        pipeline_.session(PostgresServer::As::analyst)
            .value("SELECT user_id || ' ' || events_30_days || ' ' || streak_days || ' ' || sessions FROM "
                   "analytics.profile WHERE learner_key = '" +
                   learner_key("web/u").text() + "'"),
        "u 1 1 0");
    AppliedGroup(worker_url(), "sessions").apply(event("u", "question_asked", now()));
    EXPECT_EQ(pipeline_.session(PostgresServer::As::analyst).number("SELECT sessions FROM analytics.profile"),
              1);
}

// Any order ------------------------------------------------------------------------------------------------

/// What a profile should be, as the simplest program computes it.
struct ModelProfile {
    std::set<std::chrono::sys_days> days;
    std::map<std::string, int> days30;
    Timestamp first_seen_at = Timestamp::max(), last_seen_at = Timestamp::min();
    int events = 0, attempts = 0, solved = 0;
    std::pair<Timestamp, MessageKey> device_at{Timestamp::min(), {}}, location_at{Timestamp::min(), {}};
    std::string device = "-", location = "-";

    void add(const ActivityEvent& event, std::chrono::sys_days today) {
        const auto day = std::chrono::floor<std::chrono::days>(event.occurred_at);
        const std::pair when{event.occurred_at, message_key(event.message_id)};
        days.insert(day);
        if (day <= today && day > today - std::chrono::days(30)) ++days30[event.activity];
        first_seen_at = std::min(first_seen_at, event.occurred_at);
        last_seen_at = std::max(last_seen_at, event.occurred_at);
        ++events;
        if (event.activity == "problem_submitted") {
            ++attempts;
            if (event.properties.find("true") != std::string::npos) ++solved;
        }
        if (event.activity == "device_used" && when > device_at) {
            device_at = when;
            device = event.properties.substr(9, 3);  // {"kind":"
        }
        if (event.activity == "location_updated" && when > location_at) {
            location_at = when;
            location = event.properties.substr(12, 2);  // {"country":"
        }
    }

    int streak(std::chrono::sys_days today) const {
        auto day = days.contains(today) ? today : today - std::chrono::days(1);
        int length = 0;
        for (; days.contains(day); day -= std::chrono::days(1)) ++length;
        return length;
    }

    std::string text(std::chrono::sys_days today) const {
        std::string text = format_timestamp(first_seen_at) + " " + format_timestamp(last_seen_at) + " " +
                           std::to_string(events) + " " + std::to_string(attempts) + " " +
                           std::to_string(solved) + " " + device + " " + location + " " +
                           std::to_string(streak(today));
        for (const auto& [activity, count] : days30) text += " " + activity + "=" + std::to_string(count);
        return text;
    }
};

TEST_F(ProfilesTest, profiles_are_a_function_of_the_set_of_events) {
    std::mt19937 random(harness::seed());
    const auto below = [&](int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random); };
    std::vector<std::unique_ptr<AppliedGroup>> workers;
    for (int i = 0; i < 3; ++i) workers.push_back(std::make_unique<AppliedGroup>(worker_url(), "profiles"));
    const Timestamp now = at("2026-03-31T12:00:00.000000Z");
    const auto today = std::chrono::floor<std::chrono::days>(now);
    std::map<std::string, ModelProfile> models;
    const auto random_event = [&] {
        // Hours of the clock, so that many happen at the same time.
        const Timestamp time = now - std::chrono::hours(below(24 * 40));
        const std::string user = "learner " + std::to_string(below(8));
        switch (below(5)) {
            case 0:
                return event(user, "problem_submitted", time,
                             below(2) == 0 ? R"({"solved":true})" : R"({"solved":false})");
            case 1: {
                const char* const kinds[] = {"pho", "tab", "tvs"};
                return event(user, "device_used", time,
                             R"({"kind":")" + std::string(kinds[below(3)]) + R"("})");
            }
            case 2: {
                const char* const countries[] = {"IN", "NP", "DE"};
                return event(user, "location_updated", time,
                             R"({"country":")" + std::string(countries[below(3)]) + R"("})");
            }
            default: return event(user, below(2) == 0 ? "question_asked" : "reaction_given", time);
        }
    };
    for (int round = 0; round < 20; ++round) {
        std::vector<ActivityEvent> deliveries;
        for (int count = 1 + below(300); count > 0; --count) {
            const auto one = random_event();
            models[learner_key(one).text()].add(one, today);
            for (int copies = 1 + below(3); copies > 0; --copies) deliveries.push_back(one);
        }
        std::ranges::shuffle(deliveries, random);
        std::vector<std::vector<ActivityEvent>> batches;
        for (std::size_t from = 0; from < deliveries.size();) {
            const auto size = std::min(deliveries.size() - from, static_cast<std::size_t>(1 + below(60)));
            batches.emplace_back(deliveries.begin() + static_cast<std::ptrdiff_t>(from),
                                 deliveries.begin() + static_cast<std::ptrdiff_t>(from + size));
            from += size;
        }
        std::atomic<std::size_t> next{0};
        {
            std::vector<std::jthread> threads;
            for (auto& worker : workers) {
                threads.emplace_back([&] {
                    for (std::size_t batch = next++; batch < batches.size(); batch = next++)
                        worker->apply(batches[batch]);
                });
            }
        }
        std::map<std::string, std::string> wanted, stored;
        for (const auto& [learner, profile] : models) wanted[learner] = profile.text(today);
        for (const auto& row : pipeline_.session().query(
                 "SELECT learner_key, replace(document ->> 'firstSeenAt', '.000000', '.000') || ' ' || "
                 "replace(document ->> 'lastSeenAt', '.000000', '.000') || ' ' || "
                 "(document ->> 'events') || ' ' || (document ->> 'attempts') || ' ' || (document ->> "
                 "'solved') || "
                 "' ' || coalesce(document #>> '{device,kind}', '-') || ' ' || coalesce(document ->> "
                 "'country', '-') "
                 "|| ' ' || (document ->> 'streakDays') || coalesce((SELECT string_agg(' ' || a.key || '=' "
                 "|| "
                 "(a.value ->> 'days30'), '' ORDER BY a.key) FROM json_each(document -> 'activities') AS a), "
                 "'') "
                 "FROM activity.profile_document(ARRAY(SELECT learner_key FROM activity.profile), "
                 "'2026-03-31T12:00:00Z')"))
            stored[row[0].as<std::string>()] = row[1].as<std::string>();
        ASSERT_EQ(stored, wanted) << "round " << round;
    }
}

// The outbox -----------------------------------------------------------------------------------------------

class ProfileOutboxTest : public ProfilesTest {
  protected:
    struct Entry {
        std::string id;
        std::int64_t version = 0;
        std::string key;
        std::optional<std::string> value;
    };

    ProfileOutboxTest() {
        const auto& groups = workers::groups();
        const auto profiles = std::ranges::find(groups, "profiles", &workers::Group::name);
        relay_.connection().prepare("take", profiles->outbox->take);
        relay_.connection().prepare("done", profiles->outbox->done);
        relay_.connection().prepare("again", profiles->outbox->again);
    }

    std::vector<Entry> take(int entries_max = 100) {
        pqxx::work work(relay_.connection());
        std::vector<Entry> entries;
        for (const auto& row : work.exec_prepared("take", entries_max))
            entries.push_back({row[0].as<std::string>(), row[1].as<std::int64_t>(), row[2].as<std::string>(),
                               row[3].is_null() ? std::nullopt : std::optional(row[3].as<std::string>())});
        return entries;
    }
    void done(const std::vector<Entry>& entries) {
        std::string ids = "{", versions = "{";
        for (const auto& entry : entries) {
            ids += (ids.size() > 1 ? "," : "") + entry.id;
            versions += (versions.size() > 1 ? "," : "") + std::to_string(entry.version);
        }
        pqxx::work work(relay_.connection());
        work.exec_prepared("done", ids + "}", versions + "}");
        work.commit();
    }
    /// What was changed is as old as if it had happened so long ago.
    void time_passes(const std::string& interval = "10 seconds") {
        pipeline_.session().query("UPDATE activity.profile_change SET changed_at = changed_at - interval '" +
                                  interval + "'");
    }
    std::int64_t marks() {
        return pipeline_.session().number("SELECT count(*) FROM activity.profile_change");
    }
    void come(const std::string& user) { worker_.apply(event(user, "question_asked", now())); }

    AppliedGroup worker_{worker_url(), "profiles"};
    harness::Session relay_{worker_url()};
};

TEST_F(ProfileOutboxTest, a_change_is_taken_after_the_interval_and_done_once) {
    come("u");
    EXPECT_TRUE(take().empty());
    time_passes();
    const auto taken = take();
    ASSERT_EQ(taken.size(), 1u);
    EXPECT_EQ(taken[0].id, learner_key("web/u").text());
    EXPECT_EQ(taken[0].key, "web/u");
    ASSERT_TRUE(taken[0].value);
    EXPECT_NE(taken[0].value->find(R"("events" : 1)"), std::string::npos) << *taken[0].value;
    // Until it is done it is taken again.
    EXPECT_EQ(take().size(), 1u);
    done(taken);
    EXPECT_EQ(marks(), 0);
    EXPECT_TRUE(take().empty());
}

TEST_F(ProfileOutboxTest, what_changes_while_it_is_sent_is_sent_again_after_the_interval) {
    come("u");
    time_passes();
    const auto taken = take();
    come("u");
    done(taken);
    EXPECT_EQ(marks(), 1);
    EXPECT_TRUE(take().empty()) << "the interval has begun anew";
    time_passes();
    const auto again = take();
    ASSERT_EQ(again.size(), 1u);
    EXPECT_NE(again[0].version, taken[0].version);
    EXPECT_NE(again[0].value->find(R"("events" : 2)"), std::string::npos);
    // The first answer comes late, for the second time.
    done(taken);
    EXPECT_EQ(marks(), 1);
}

TEST_F(ProfileOutboxTest, a_learner_who_never_rests_is_not_put_off) {
    come("u");
    time_passes();
    come("u");
    EXPECT_EQ(take().size(), 1u);
}

TEST_F(ProfileOutboxTest, what_changed_first_is_taken_first) {
    for (const auto* user : {"a", "b", "c"}) {
        come(user);
        time_passes();
    }
    const auto first = take(2);
    ASSERT_EQ(first.size(), 2u);
    EXPECT_EQ((std::set{first[0].key, first[1].key}), (std::set<std::string>{"web/a", "web/b"}));
}

/// Versions of a row that was deleted and made again do not come again.
TEST_F(ProfileOutboxTest, a_late_done_does_not_tick_off_a_new_mark) {
    come("u");
    time_passes();
    const auto taken = take();
    done(taken);
    come("u");
    done(taken);
    EXPECT_EQ(marks(), 1);
}

TEST_F(ProfileOutboxTest, a_profile_that_is_gone_is_a_tombstone) {
    come("u");
    time_passes();
    const auto before = take();
    pipeline_.session().query("DELETE FROM activity.profile");
    done(before);
    EXPECT_EQ(marks(), 1) << "what was sent before the profile went away does not tick off the tombstone";
    time_passes();
    const auto taken = take();
    ASSERT_EQ(taken.size(), 1u);
    EXPECT_EQ(taken[0].key, "web/u");
    EXPECT_FALSE(taken[0].value);
    done(taken);
    EXPECT_EQ(marks(), 0);
}

TEST_F(ProfileOutboxTest, a_learner_who_comes_back_is_a_profile_again) {
    come("u");
    pipeline_.session().query("DELETE FROM activity.profile");
    come("u");
    time_passes();
    const auto taken = take();
    ASSERT_EQ(taken.size(), 1u);
    ASSERT_TRUE(taken[0].value);
    EXPECT_NE(taken[0].value->find(R"("events" : 1)"), std::string::npos);
}

TEST_F(ProfileOutboxTest, a_mark_that_is_ahead_of_its_profile_waits_and_is_no_tombstone) {
    AppliedGroup sessions(worker_url(), "sessions");
    sessions.apply(event("u", "question_asked", now()));
    EXPECT_EQ(marks(), 1);
    time_passes();
    EXPECT_TRUE(take().empty());
    come("u");
    const auto taken = take();
    ASSERT_EQ(taken.size(), 1u);
    EXPECT_NE(taken[0].value->find(R"("sessions" : 1)"), std::string::npos) << *taken[0].value;
    done(taken);

    sessions.apply(event("somebody else", "question_asked", now()));
    done({});
    EXPECT_EQ(marks(), 1);
    time_passes("2 minutes");
    done({});
    EXPECT_EQ(marks(), 0);
}

TEST_F(ProfileOutboxTest, what_may_have_come_late_is_sent_again_even_as_a_tombstone) {
    come("here");
    come("gone \"and\" \\away");
    time_passes();
    done(take());
    pipeline_.session().query("DELETE FROM activity.profile WHERE user_id LIKE 'gone%'");
    time_passes();
    done(take());
    ASSERT_EQ(marks(), 0);
    {
        pqxx::work work(relay_.connection());
        work.exec_prepared(
            "again",
            "{" + learner_key("web/here").text() + "," + learner_key("web/gone \"and\" \\away").text() + "}",
            R"({"web/here","web/gone \"and\" \\away"})");
        work.commit();
    }
    time_passes();
    std::map<std::string, bool> values;
    for (const auto& entry : take()) values[entry.key] = entry.value.has_value();
    EXPECT_EQ(values, (std::map<std::string, bool>{{"web/here", true}, {"web/gone \"and\" \\away", false}}));
}

TEST_F(ProfileOutboxTest, a_transaction_that_is_rolled_back_leaves_no_profile_and_no_mark) {
    come("u");
    time_passes();
    const std::vector events{event("u", "never_committed", now()), event("v", "never_committed", now())};
    worker_.apply_and_roll_back(events, [&] {
        const auto taken = take();
        ASSERT_EQ(taken.size(), 1u);
        EXPECT_EQ(taken[0].value->find("never_committed"), std::string::npos);
        // It does not wait for the transaction that has the row; so the mark stays.
        done(taken);
    });
    EXPECT_EQ(marks(), 1);
    EXPECT_EQ(pipeline_.session().number("SELECT count(*) FROM activity.profile"), 1);
    // Nor is it known as seen.
    EXPECT_EQ(worker_.apply(events), 2u);
}

// The topic ------------------------------------------------------------------------------------------------

/// Every state of a profile that was ever committed, kept by a trigger: what is rolled back is not in it.
constexpr const char* history_sql =
    "CREATE TABLE public.history (learner_key uuid, events bigint, attempts bigint, solved bigint);"
    "CREATE INDEX ON public.history (learner_key, events);"
    "CREATE FUNCTION public.remember() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN "
    "INSERT INTO public.history VALUES (new.learner_key, new.events, new.attempts, new.solved); RETURN NULL; "
    "END $$;"
    "CREATE TRIGGER remember AFTER INSERT OR UPDATE ON activity.profile FOR EACH ROW EXECUTE FUNCTION "
    "public.remember();"
    "GRANT EXECUTE ON FUNCTION public.remember() TO PUBLIC";

class ProfileTopicTest : public ProfilesTest {
  protected:
    /// A topic of its own for each test.
    void TearDown() override { end_pipeline(); }

    std::string superuser() const { return pipeline_.url(PostgresServer::As::superuser); }

    Program start(int number) {
        return pipeline_.launch_worker({{"ACTIVITY_KAFKA_SESSION_TIMEOUT_MS", "3000"},
                                        {"ACTIVITY_KAFKA_INSTANCE_ID", "worker-" + std::to_string(number)},
                                        {"ACTIVITY_WORKER_BATCH_MAX_RECORDS", "40"},
                                        {"ACTIVITY_WORKER_BATCH_MAX_AGE_MS", "20"}},
                                       1, "profiles,sessions");
    }

    void send(int requests) {
        for (int request = 0; request < requests; ++request) {
            std::vector<ClientEvent> events;
            for (int i = 0; i < 20; ++i) {
                const std::string user = "learner " + std::to_string(i * request % 15);
                events.push_back(i % 3 == 0
                                     ? harness::track(harness::new_message_id(), user, "Problem Submitted",
                                                      i % 2 == 0 ? R"({"problemId":"p","solved":true})"
                                                                 : R"({"problemId":"p","solved":false})")
                                     : harness::track(harness::new_message_id(), user, "Question Asked"));
                ++sent_["web/" + user];
            }
            const auto response = client_.send(events);
            ASSERT_TRUE(response);
            ASSERT_EQ(response->status, 202) << response->body;
        }
    }

    void wait_quiet() {
        for (const auto* group : {"profiles", "sessions"})
            pipeline_.wait_caught_up(Pipeline::patience_for_backlog, group);
        wait_until("nothing is left to be published", [&] {
            return pipeline_.session().number("SELECT count(*) FROM activity.profile_change") == 0;
        });
    }

    struct Document {
        std::string key;
        std::optional<std::string> value;
    };
    /// In the order of each key.
    std::vector<Document> published() {
        std::vector<Document> documents;
        for (const auto& record : pipeline_.kafka().read(pipeline_.topic("profiles")))
            documents.push_back({record.key.value(), record.value});
        return documents;
    }

    /// The newest value of each key is what the database says of that learner as of the same time.
    void expect_newest_are_the_databases(const std::vector<Document>& documents) {
        std::map<std::string, std::optional<std::string>> newest;
        for (const auto& document : documents) newest[document.key] = document.value;
        auto session = pipeline_.session();
        EXPECT_EQ(newest.size(), sent_.size());
        for (const auto& [key, value] : newest) {
            ASSERT_TRUE(value) << key;
            pqxx::work work(session.connection());
            const auto rows = work.exec_params(
                "SELECT document::text, (document ->> 'events')::bigint FROM "
                "activity.profile_document(ARRAY[$1::uuid], ($2::json ->> 'asOf')::timestamptz)",
                learner_key(key).text(), *value);
            ASSERT_EQ(rows.size(), 1u) << key;
            EXPECT_EQ(rows[0][0].as<std::string>(), *value);
            EXPECT_EQ(rows[0][1].as<int>(), sent_[key]) << key;
        }
    }

    /// Every document ever published is a state that was committed, and none is older than the one before it.
    void expect_committed_states(const std::vector<Document>& documents) {
        std::map<std::string, std::int64_t> events_before;
        auto session = pipeline_.session();
        for (const auto& [key, value] : documents) {
            if (!value) continue;
            pqxx::work work(session.connection());
            const auto row = work.exec_params1(
                "SELECT d.events, EXISTS (SELECT FROM public.history AS h WHERE h.learner_key = $1::uuid AND "
                "(h.events, h.attempts, h.solved) = (d.events, d.attempts, d.solved)) FROM "
                "json_to_record($2::json) AS d (events bigint, attempts bigint, solved bigint)",
                learner_key(key).text(), *value);
            EXPECT_TRUE(row[1].as<bool>()) << "never committed: " << *value;
            const auto events = row[0].as<std::int64_t>();
            EXPECT_LE(events_before[key], events) << key;
            EXPECT_LE(events, sent_[key]) << key;
            events_before[key] = events;
        }
    }

    Ledger ledger_;
    Client client_{pipeline_.ingest(), ledger_};
    std::map<std::string, int> sent_;
};

TEST_F(ProfileTopicTest, the_topic_has_what_was_committed_and_nothing_else_while_workers_are_killed) {
    pipeline_.session().query(history_sql);
    const auto ingest = pipeline_.start_ingest();
    std::vector<Program> workers;
    for (const int number : {0, 1}) workers.push_back(start(number));
    for (auto& worker : workers) worker.wait_ready();
    send(20);
    for (int kill = 0; kill < 4; ++kill) {
        // They stand still behind the statement that writes profiles, and die there: rolled back.
        TableLock lock(superuser(), "activity.learner_day");
        send(10);
        wait_until("a worker waits for the lock inside its transaction", [&] {
            return pipeline_.session().number(
                       "SELECT count(*) FROM pg_stat_activity WHERE usename = 'worker' AND "
                       "datname = current_database() AND wait_event_type = 'Lock'") > 0;
        });
        for (int number : {0, 1}) {
            if (kill % 2 == 0 && number == 1) continue;
            workers[static_cast<std::size_t>(number)].process().kill();
            workers[static_cast<std::size_t>(number)] = start(number);
        }
        lock.release();
        send(10);
        // So that the relay comes to work now and then between two kills.
        if (kill % 2 == 1) {
            const auto before = pipeline_.kafka().written({pipeline_.topic("profiles")});
            wait_until("something is published",
                       [&] { return pipeline_.kafka().written({pipeline_.topic("profiles")}) > before; });
        }
    }
    for (auto& worker : workers) worker.wait_ready();
    wait_quiet();
    const auto documents = published();
    expect_newest_are_the_databases(documents);
    expect_committed_states(documents);
}

TEST_F(ProfileTopicTest, an_open_transaction_does_not_show_and_a_deleted_profile_is_a_tombstone) {
    const auto ingest = pipeline_.start_ingest();
    auto worker = start(0);
    worker.wait_ready();
    send(1);
    pipeline_.wait_caught_up(Pipeline::patience_for_backlog, "profiles");
    AppliedGroup other(worker_url(), "profiles");
    const auto topic = pipeline_.topic("profiles");
    other.apply_and_roll_back(std::vector{event("learner 0", "never_committed", now())}, [&] {
        wait_until("the learner is published meanwhile", [&] {
            return std::ranges::any_of(published(),
                                       [](const auto& document) { return document.key == "web/learner 0"; });
        });
    });
    wait_quiet();
    for (const auto& document : published())
        EXPECT_EQ(document.value->find("never_committed"), std::string::npos) << *document.value;

    pipeline_.session().query("DELETE FROM activity.profile WHERE user_id = 'learner 0'");
    wait_quiet();
    std::optional<Document> last;
    for (const auto& document : published())
        if (document.key == "web/learner 0") last = document;
    ASSERT_TRUE(last);
    EXPECT_FALSE(last->value);
}

}  // namespace
}  // namespace activity
