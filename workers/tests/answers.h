#pragma once

#include "deploy/stack/harness/pipeline.h"
#include "workers/tests/model.h"

namespace activity::testing_workers {

/// Until every group has dealt with everything in the topics.
void wait_groups_caught_up(harness::Pipeline& pipeline);
/// The same, and every profile that changed is published.
void wait_answered(harness::Pipeline& pipeline);

/// As gtest expectations: what the groups answer from (rollups, sessions, days of learners, profiles and
/// their newest documents in the topic, leaderboard, popularity) is what the model makes of its events, and
/// no group has a dead letter. After wait_answered().
void expect_answers_as(harness::Pipeline& pipeline, const Model& model);

/// Waits until all is answered, and holds the answers to a model of the stored events: say before by
/// harness::expect_ledger_holds() that these are the right ones. For a pipeline whose workers run all groups.
void expect_answers_hold(harness::Pipeline& pipeline);

}  // namespace activity::testing_workers
