#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "workers/loop/batch.h"

namespace activity::workers {

/// Finds the rows of [begin, end) that are refused on their own, by trying halves. `refusal(begin, end)`
/// tries a range and says why it is refused, or nothing. One culprit among n costs about as much as two good
/// runs over n, besides the run that failed; n culprits cost 2n tries.
template <typename Refusal>
void bisect(std::size_t begin, std::size_t end, Refusal&& refusal, std::vector<RefusedRow>& culprits) {
    if (begin == end) return;
    std::optional<Why> why = refusal(begin, end);
    if (!why) return;
    if (end - begin == 1) {
        culprits.push_back({begin, *std::move(why)});
        return;
    }
    const std::size_t middle = begin + (end - begin) / 2;
    bisect(begin, middle, refusal, culprits);
    bisect(middle, end, refusal, culprits);
}

/// The same for a range that is known to be refused as a whole.
template <typename Refusal>
std::vector<RefusedRow> find_culprits(std::size_t count, Refusal&& refusal) {
    std::vector<RefusedRow> culprits;
    if (count == 1) {
        bisect(0, 1, refusal, culprits);
        return culprits;
    }
    bisect(0, count / 2, refusal, culprits);
    bisect(count / 2, count, refusal, culprits);
    return culprits;
}

}  // namespace activity::workers
