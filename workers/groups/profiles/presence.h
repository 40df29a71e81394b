#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "workers/groups/properties.h"

namespace activity::workers {

/// Longest text of a device or a region that a profile keeps, bytes; what is longer is cut.
inline constexpr std::size_t presence_bytes_max = 100;

/// Where a learner is, no finer than a profile may know.
struct Location {
    std::string country;  ///< ISO 3166-1 alpha-2
    std::string region;   ///< "" if it was not told
};

/// The device that a Device Used names: a JSON object with `kind`, `os` and `browser`, as far as told.
/// Nothing if none is. IDs of devices stay out of profiles.
std::optional<std::string> device_of(const Properties& properties);

/// The same of an identify call's context, as SDKs fill it: device.type, os.name.
std::optional<std::string> device_of_context(const Properties& context);

/// Country and region that a Location Updated names; nothing without a country.
std::optional<Location> location_of(const Properties& properties);

}  // namespace activity::workers
