#include "schemas/activity/hash.h"

#include <xxhash.h>

#include <algorithm>

namespace activity {

UuidBytes hash_128(std::string_view bytes) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
    UuidBytes hash;
    std::copy(std::begin(canonical.digest), std::end(canonical.digest), hash.begin());
    return hash;
}

}  // namespace activity
