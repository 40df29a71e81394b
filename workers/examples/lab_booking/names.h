#pragma once

#include <string_view>

namespace activity::lab_booking {

// What the three programs agree on. Topics without the prefix that an installation puts before them.
inline constexpr std::string_view bookings_topic = "lab-bookings";
inline constexpr std::string_view answers_topic = "lab-allocations";

// Activities, as an event names them.
inline constexpr std::string_view lab_booked = "Lab Booked";
inline constexpr std::string_view lab_allocated = "Lab Allocated";
inline constexpr std::string_view lab_declined = "Lab Declined";

}  // namespace activity::lab_booking
