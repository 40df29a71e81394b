#include "loadtest/verify/ledgers.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace activity::loadtest {

Ledgers::Ledgers(const std::vector<std::filesystem::path>& files) {
    for (const auto& file : files) {
        Source source{file.string(), std::make_unique<LedgerReader>(file), {}, 0};
        source.block = source.reader->next();
        if (!source.block.empty()) heap_.push_back(std::move(source));
    }
    std::ranges::make_heap(heap_, comes_later);
}

const Entry* Ledgers::next() {
    const bool first = !given_;
    if (given_) {
        std::ranges::pop_heap(heap_, comes_later);
        if (advance(heap_.back())) {
            std::ranges::push_heap(heap_, comes_later);
        } else {
            heap_.pop_back();
        }
    }
    given_ = !heap_.empty();
    if (heap_.empty()) return nullptr;
    const auto& key = heap_.front().entry().key;
    if (!first && key == last_key_)
        throw std::runtime_error(heap_.front().name + " and another ledger both have the key " +
                                 format_uuid(key));
    last_key_ = key;
    return &heap_.front().entry();
}

bool Ledgers::advance(Source& source) {
    const auto before = source.entry().key;
    if (++source.at == source.block.size()) {
        source.block = source.reader->next();
        source.at = 0;
        if (source.block.empty()) return false;
    }
    if (source.entry().key <= before)
        throw std::runtime_error(source.name + " is not in the order of its keys at " +
                                 format_uuid(source.entry().key));
    return true;
}

}  // namespace activity::loadtest
