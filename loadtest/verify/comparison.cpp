#include "loadtest/verify/comparison.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace activity::loadtest {
namespace {

void add_example(std::vector<std::string>& examples, const UuidBytes& key) {
    if (examples.size() < Comparison::examples_max) examples.push_back(format_uuid(key));
}

class Merge {
  public:
    Merge(Ledgers& ledgers, Tally& tally) : ledgers_(ledgers), tally_(tally), entry_(ledgers.next()) {}

    void add(const UuidBytes& key) {
        ++found_.stored;
        if (found_.stored > 1 && key <= last_key_) {
            if (key < last_key_) throw std::runtime_error("PostgreSQL's keys came out of order");
            // Once for each key, but counted for each row.
            if (!doubled_) add_example(found_.doubled_examples, key);
            doubled_ = true;
            ++found_.doubled;
            return;
        }
        last_key_ = key;
        doubled_ = false;
        while (entry_ != nullptr && entry_->key < key) pass(false);
        if (entry_ != nullptr && entry_->key == key) {
            pass(true);
        } else {
            ++found_.never_sent;
            add_example(found_.never_sent_examples, key);
        }
    }

    Comparison end() {
        while (entry_ != nullptr) pass(false);
        return std::move(found_);
    }

  private:
    /// The ledgers' entry is known to be stored or not.
    void pass(bool is_stored) {
        const Entry& entry = *entry_;
        ++found_.entries;
        found_.sources = std::max(found_.sources, entry.source + 1U);
        if (is_stored) tally_.add(entry);
        switch (entry.outcome) {
            case Outcome::acknowledged:
                ++found_.acknowledged;
                if (!is_stored) {
                    ++found_.lost;
                    add_example(found_.lost_examples, entry.key);
                }
                break;
            case Outcome::refused:
                ++found_.refused;
                if (is_stored) {
                    ++found_.refused_stored;
                    add_example(found_.refused_stored_examples, entry.key);
                }
                break;
            case Outcome::unknown:
                ++found_.unknown;
                if (is_stored) ++found_.unknown_stored;
                break;
            default: throw std::runtime_error("a ledger has an outcome that is none");
        }
        entry_ = ledgers_.next();
    }

    Ledgers& ledgers_;
    Tally& tally_;
    const Entry* entry_;
    Comparison found_;
    UuidBytes last_key_{};
    bool doubled_ = false;  ///< the last key was seen twice
};

}  // namespace

Comparison compare(Ledgers& ledgers, const StoredKeys& stored, Tally& tally) {
    Merge merge(ledgers, tally);
    for (auto keys = stored(); !keys.empty(); keys = stored())
        for (const auto& key : keys) merge.add(key);
    return merge.end();
}

}  // namespace activity::loadtest
