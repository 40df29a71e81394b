#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "loadtest/ledger/ledger_file.h"

namespace activity::loadtest {

/// Several ledgers read as one, in the order of their keys. In memory is a block of each. One thread.
class Ledgers {
  public:
    /// Throws std::runtime_error if one can't be read or is no ledger.
    explicit Ledgers(const std::vector<std::filesystem::path>& files);

    /// The entry with the smallest key that was not given yet, valid until the next call; nullptr at the end.
    /// Throws std::runtime_error if a ledger's keys don't rise, or if two ledgers have the same key: then
    /// nothing that is compared with them would mean anything.
    const Entry* next();

  private:
    struct Source {
        std::string name;
        std::unique_ptr<LedgerReader> reader;
        std::span<const Entry> block;
        std::size_t at = 0;

        const Entry& entry() const { return block[at]; }
    };
    /// Of std::push_heap and the like, whose first one is the greatest: who comes later is less.
    static bool comes_later(const Source& one, const Source& other) {
        return other.entry().key < one.entry().key;
    }
    bool advance(Source& source);

    std::vector<Source> heap_;  ///< of those that have an entry left
    bool given_ = false;        ///< the entry of the first one
    UuidBytes last_key_{};
};

}  // namespace activity::loadtest
