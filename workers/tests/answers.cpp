#include "workers/tests/answers.h"

#include <gtest/gtest.h>
#include <cmath>
#include <map>
#include <string>

#include "deploy/stack/harness/wait.h"
#include "schemas/wire/group_topics.h"
#include "workers/tests/found_tables.h"
#include "workers/tests/stored_events.h"

namespace activity::testing_workers {
namespace {

/// Doubles depend on the order of sums in their last digits.
Rows wrong_scores(const std::map<std::string, double>& expected, const std::map<std::string, double>& found) {
    Rows wrong;
    for (const auto& [item, score_log2] : found) {
        const auto at = expected.find(item);
        if (at == expected.end()) continue;
        const double ratio = std::exp2(score_log2 - at->second);
        if (!(std::abs(ratio - 1) <= 1e-9)) wrong[item] = std::to_string(ratio) + " times the model's";
    }
    return wrong;
}

void wait_published(const harness::Pipeline& pipeline) {
    harness::wait_until("all profiles are published", [&] {
        return pipeline.session().number("SELECT count(*) FROM activity.profile_change") == 0;
    });
}

}  // namespace

void wait_groups_caught_up(harness::Pipeline& pipeline) {
    for (const auto group : wire::worker_groups)
        pipeline.wait_caught_up(harness::Pipeline::patience_for_backlog, std::string(group));
}

void wait_answered(harness::Pipeline& pipeline) {
    wait_groups_caught_up(pipeline);
    wait_published(pipeline);
}

void expect_answers_as(harness::Pipeline& pipeline, const Model& model) {
    FoundTables found(pipeline, model);
    const auto as_of = now();
    EXPECT_EQ(differences(model.rollups(), found.rollups()), "") << "rollups";
    EXPECT_EQ(differences(model.sessions(), found.sessions()), "") << "sessions";
    EXPECT_EQ(differences(model.learner_days(), found.learner_days()), "") << "days of learners";
    EXPECT_EQ(differences(model.profiles(as_of), found.profiles(as_of)), "") << "profiles";
    EXPECT_EQ(differences(model.presence_times(), found.presence_times()), "") << "device and place";
    EXPECT_EQ(differences(model.leaderboard(), found.leaderboard()), "") << "leaderboard";
    EXPECT_EQ(differences(model.popularity(), found.popularity()), "") << "popularity";
    EXPECT_EQ(differences({}, wrong_scores(model.popularity_log2(), found.popularity_log2())), "")
        << "scores";
    const auto documents = found.newest_documents();
    EXPECT_EQ(differences(documents.expected, documents.found), "") << "newest documents of the topic";
    for (const auto group : wire::worker_groups)
        EXPECT_EQ(pipeline.kafka().written({pipeline.dead_letter_topic(std::string(group))}), 0)
            << "dead letters of " << group;
}

void expect_answers_hold(harness::Pipeline& pipeline) {
    wait_groups_caught_up(pipeline);
    // A relay leaves a change alone for a while, and nothing changes any more.
    pipeline.session().query(
        "UPDATE activity.profile_change SET changed_at = changed_at - interval '10 seconds'");
    wait_published(pipeline);
    const Model model(stored_events(pipeline));
    EXPECT_GT(model.leaderboard().size(), 0u) << "the events leave the leaderboard nothing to get wrong";
    EXPECT_GT(model.popularity().size(), 0u) << "the events leave the search nothing to get wrong";
    expect_answers_as(pipeline, model);
}

}  // namespace activity::testing_workers
