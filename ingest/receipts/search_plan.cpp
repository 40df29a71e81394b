#include "ingest/receipts/search_plan.h"

#include <algorithm>
#include <numeric>

namespace activity::receipts {
namespace {

std::int64_t length(const Stretch& stretch) {
    return stretch.to - stretch.from;
}

std::int64_t total(const std::vector<Stretch>& stretches) {
    return std::accumulate(stretches.begin(), stretches.end(), std::int64_t{0},
                           [](std::int64_t sum, const Stretch& stretch) { return sum + length(stretch); });
}

/// Everything of a place that the message may be among.
std::vector<Stretch> all_of(const std::vector<Extent>& extents, Place place,
                            const NextOffsets& next_offsets) {
    std::vector<Stretch> stretches;
    for (const auto& extent : extents) {
        if (extent.place != place) continue;
        std::int64_t from = extent.oldest;
        const auto applied = next_offsets.find(extent.partition);
        if (place == Place::events && applied != next_offsets.end()) from = std::max(from, applied->second);
        if (from < extent.next) stretches.push_back({extent.partition, place, from, extent.next});
    }
    return stretches;
}

/// Cuts the older parts off, the shortest stretches last.
void cut(std::vector<Stretch>& stretches, std::int64_t records_max) {
    std::ranges::sort(stretches, {}, length);
    auto parts = static_cast<std::int64_t>(stretches.size());
    for (auto& stretch : stretches) {
        const std::int64_t share = std::min(length(stretch), records_max / parts);
        stretch.from = stretch.to - share;
        records_max -= share;
        --parts;
    }
    std::erase_if(stretches, [](const Stretch& stretch) { return length(stretch) == 0; });
}

const char* in_words(Place place) {
    switch (place) {
        case Place::events: return "records that wait to be stored";
        case Place::dead_letters: return "dead letters";
        case Place::rejected: return "rejected events";
    }
    return "";
}

}  // namespace

std::int64_t SearchPlan::records() const {
    return total(stretches);
}

SearchPlan plan_search(const std::vector<Extent>& extents, const NextOffsets& next_offsets,
                       std::int64_t records_max) {
    SearchPlan plan;
    std::int64_t left = records_max;
    for (const Place place : {Place::dead_letters, Place::rejected, Place::events}) {
        auto stretches = all_of(extents, place, next_offsets);
        const std::int64_t all = total(stretches);
        const std::int64_t share = place == Place::events ? left : std::min(left, records_max / 4);
        if (all > share) {
            cut(stretches, share);
            plan.left_out += (plan.left_out.empty() ? "only the newest " : ", and the newest ") +
                             std::to_string(share) + " of " + std::to_string(all) + " " + in_words(place);
        }
        left -= total(stretches);
        plan.stretches.insert(plan.stretches.end(), stretches.begin(), stretches.end());
    }
    return plan;
}

}  // namespace activity::receipts
