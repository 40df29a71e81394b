#pragma once

#include <gtest/gtest.h>
#include <memory>

#include "deploy/stack/harness/pipeline.h"
#include "workers/tests/applied_group.h"

namespace activity::testing_workers {

/// The tests of a program share a pipeline, which takes longer to make than most of them run, and find the
/// tables of the sessions and the profiles empty.
class SharedPipelineTest : public ::testing::Test {
  protected:
    static void TearDownTestSuite() { end_pipeline(); }
    /// The next test has a pipeline of its own.
    static void end_pipeline() { shared_.reset(); }
    void SetUp() override {
        for (const auto* group : {"sessions", "profiles"}) empty_tables(pipeline_.session(), group);
    }

  private:
    static harness::Pipeline& shared() {
        if (!shared_) shared_ = std::make_unique<harness::Pipeline>();
        return *shared_;
    }
    static inline std::unique_ptr<harness::Pipeline> shared_;

  protected:
    harness::Pipeline& pipeline_ = shared();
};

}  // namespace activity::testing_workers
