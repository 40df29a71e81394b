#pragma once

#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "workers/tests/model.h"

namespace activity::testing_workers {

/// The events of a pipeline's database, read as analysts do and put in a model's words, by code that shares
/// nothing with the groups but the catalogue. It knows what the events of tests look like, no more.
std::vector<ModelEvent> stored_events(const harness::Pipeline& pipeline);

}  // namespace activity::testing_workers
