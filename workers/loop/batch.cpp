#include "workers/loop/batch.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace activity::workers {

void Batch::add(wire::InboundRecord record, const ActivityEvent& event) {
    assert(!sealed_);
    Row row;
    row.key = message_key(event.message_id);
    row.begin = static_cast<std::uint32_t>(copy_.size());
    row.record = static_cast<std::uint32_t>(records_.size());
    write_row_(copy_, row.key, event);
    row.size = static_cast<std::uint32_t>(copy_.size()) - row.begin;
    rows_.push_back(row);
    if (!newest_received_ || *newest_received_ < event.received_at) newest_received_ = event.received_at;
    bytes_ += record.value().size();
    records_.push_back(std::move(record));
}

void Batch::refuse(wire::InboundRecord record, std::string reason, std::string detail) {
    assert(!sealed_);
    refusals_.push_back({records_.size(), std::move(reason), std::move(detail)});
    bytes_ += record.value().size();
    records_.push_back(std::move(record));
}

void Batch::seal(std::vector<Advance> advances) {
    if (sealed_) return;
    sealed_ = true;
    advances_ = std::move(advances);
    // The record's place breaks ties, so the first to arrive is the first of its key.
    const auto by_key_and_arrival = [](const Row& a, const Row& b) {
        return std::tie(a.key, a.record) < std::tie(b.key, b.record);
    };
    if (!std::ranges::is_sorted(rows_, by_key_and_arrival)) std::ranges::sort(rows_, by_key_and_arrival);
    const auto same_key = [](const Row& a, const Row& b) { return a.key == b.key; };
    const auto again = std::ranges::unique(rows_, same_key);
    repeated_ = again.size();
    rows_.erase(again.begin(), again.end());
}

void Batch::refuse_rows(std::span<const std::size_t> places, const std::string& reason,
                        const std::vector<std::string>& details) {
    assert(sealed_ && places.size() == details.size() && std::ranges::is_sorted(places));
    for (std::size_t i = 0; i < places.size(); ++i)
        refusals_.push_back({rows_[places[i]].record, reason, details[i]});
    std::vector<Row> kept;
    kept.reserve(rows_.size() - places.size());
    auto next = places.begin();
    for (std::size_t i = 0; i < rows_.size(); ++i) {
        if (next != places.end() && *next == i) {
            ++next;
        } else {
            kept.push_back(rows_[i]);
        }
    }
    rows_ = std::move(kept);
}

void Batch::clear() {
    records_.clear();
    copy_.clear();
    rows_.clear();
    refusals_.clear();
    delivered_ = 0;
    advances_.clear();
    bytes_ = 0;
    repeated_ = 0;
    newest_received_.reset();
    sealed_ = false;
}

}  // namespace activity::workers
