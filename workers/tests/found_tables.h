#pragma once

#include <map>
#include <string>

#include "deploy/stack/harness/pipeline.h"
#include "schemas/activity/timestamp.h"
#include "workers/tests/model.h"

namespace activity::testing_workers {

/// What a pipeline's database and its topic of profiles hold, in a model's words. Reads anew with each call.
/// One thread; the pipeline and the model must outlive it.
class FoundTables {
  public:
    /// `model` knows the learners' names.
    FoundTables(harness::Pipeline& pipeline, const Model& model)
        : pipeline_(pipeline), model_(model), session_(pipeline.session()) {}

    // As the functions of Model of the same names.
    Rows rollups();
    Rows sessions();
    Rows learner_days();
    Rows presence_times();
    Rows profiles(Timestamp as_of);
    Rows leaderboard();
    Rows popularity();
    std::map<std::string, double> popularity_log2();

    /// The newest document of each key of the compacted topic, without `asOf`; and what the model says of
    /// that learner as of then.
    struct Documents {
        Rows found, expected;
    };
    Documents newest_documents();

  private:
    Rows rows(const std::string& sql);
    Rows rows_of_learners(const std::string& sql);

    harness::Pipeline& pipeline_;
    const Model& model_;
    harness::Session session_;
};

}  // namespace activity::testing_workers
