#pragma once

#include <string_view>

#include "schemas/activity/uuid.h"

namespace activity {

/// XXH3, 128 bits, in its canonical byte order: the same on every machine and in every version, so it may be
/// stored.
UuidBytes hash_128(std::string_view bytes);

}  // namespace activity
