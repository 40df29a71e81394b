#pragma once

#include "workers/groups/group.h"

namespace activity::lab_booking {

/// Bookings and their answers as rows, for analytics.
workers::Group lab_data_group();

}  // namespace activity::lab_booking
