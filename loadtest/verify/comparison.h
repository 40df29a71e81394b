#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "loadtest/verify/ledgers.h"
#include "loadtest/verify/tally.h"
#include "schemas/activity/uuid.h"

namespace activity::loadtest {

/// What was sent beside what is stored. Each list of examples has the first ones, as UUIDs.
struct Comparison {
    static constexpr std::size_t examples_max = 10;

    std::uint64_t entries = 0;  ///< of all ledgers: the sum of the next three
    std::uint64_t acknowledged = 0;
    std::uint64_t refused = 0;
    std::uint64_t unknown = 0;
    std::uint64_t unknown_stored = 0;
    std::uint32_t sources = 0;         ///< 1 and the greatest Entry::source
    std::uint64_t stored = 0;          ///< rows found
    std::uint64_t lost = 0;            ///< acknowledged and not stored
    std::uint64_t doubled = 0;         ///< rows beyond the first of their key
    std::uint64_t never_sent = 0;      ///< stored, and in no ledger
    std::uint64_t refused_stored = 0;  ///< refused, and stored all the same
    std::vector<std::string> lost_examples;
    std::vector<std::string> doubled_examples;
    std::vector<std::string> never_sent_examples;
    std::vector<std::string> refused_stored_examples;

    bool holds() const { return lost == 0 && doubled == 0 && never_sent == 0 && refused_stored == 0; }
};

/// The next keys that are stored, in their order (a key as often as it is stored), valid until the next call;
/// empty at the end.
using StoredKeys = std::function<std::span<const UuidBytes>()>;

/// One pass over both. Counts into `tally` each entry that is stored, once. Throws std::runtime_error if
/// either is out of order.
Comparison compare(Ledgers& ledgers, const StoredKeys& stored, Tally& tally);

}  // namespace activity::loadtest
