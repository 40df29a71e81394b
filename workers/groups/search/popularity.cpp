#include "workers/groups/search/popularity.h"

#include <cmath>

namespace activity::workers {

double popularity_log2(Timestamp happened_at, double weight) {
    using HalfLives = std::chrono::duration<
        double, std::ratio_multiply<std::ratio<popularity_half_life.count()>, std::chrono::days::period>>;
    return std::log2(weight) + HalfLives(happened_at.time_since_epoch()).count();
}

}  // namespace activity::workers
