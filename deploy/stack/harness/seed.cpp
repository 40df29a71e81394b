#include "deploy/stack/harness/seed.h"

#include <cstdlib>
#include <iostream>
#include <random>

namespace activity::harness {

unsigned seed() {
    const char* const given = std::getenv("ACTIVITY_TEST_SEED");
    const unsigned seed =
        given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
    std::cout << "ACTIVITY_TEST_SEED=" << seed << '\n';
    return seed;
}

}  // namespace activity::harness
