#pragma once

#include "workers/groups/group.h"

namespace activity::workers {

/// Every event as a row of activity.event. That table's primary key is what makes a message count once.
Group records_group();

}  // namespace activity::workers
