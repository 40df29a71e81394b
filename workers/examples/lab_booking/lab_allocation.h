#pragma once

#include "workers/groups/group.h"

namespace activity::lab_booking {

/// Gives each booking one place in a lab of its type, or declines it when all are full, and answers on a
/// topic of its own.
workers::Group lab_allocation_group();

}  // namespace activity::lab_booking
