#include "workers/loop/batch.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace activity::workers {

namespace {

/// Of a row: its count of fields and its message key come first.
constexpr std::size_t learner_begin = 2 + 4 + sizeof(UuidBytes);

}  // namespace

void Batch::add(wire::InboundRecord record, const ActivityEvent& event) {
    assert(!sealed_);
    Row row;
    row.key = message_key(event.message_id);
    row.begin = static_cast<std::uint32_t>(copy_.size());
    row.record = static_cast<std::uint32_t>(records_.size());
    const bool time_is_wrong = std::ranges::count(event.marks, Mark::time_out_of_window) > 0;
    const Message message{event, row.key, learner_key(event), names_.of(event),
                          time_is_wrong ? event.received_at : event.occurred_at};
    copy_.begin_row(shared_columns + group_->columns.size());
    copy_.uuid(row.key.bytes);
    copy_.uuid(message.learner.bytes);
    copy_.timestamptz(event.received_at);
    bool written = false;
    try {
        written = write_row_(copy_, message);
        if (!written) ++ignored_;
    } catch (const UnclearFailure& failure) {
        refusals_.push_back({records_.size(), {"unclear", failure.what(), true}});
    }
    if (written) {
        row.size = static_cast<std::uint32_t>(copy_.size()) - row.begin;
        row.known_since = row.key.time().value_or(std::min(event.occurred_at, event.received_at));
        row.received_at = event.received_at;
        rows_.push_back(row);
    } else {
        copy_.cut_to(row.begin);
    }
    if (!newest_received_ || *newest_received_ < event.received_at) newest_received_ = event.received_at;
    bytes_ += record.value().size();
    records_.push_back(std::move(record));
}

void Batch::refuse(wire::InboundRecord record, Why why) {
    assert(!sealed_);
    refusals_.push_back({records_.size(), std::move(why)});
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
    const auto first_twin = std::ranges::adjacent_find(rows_, same_key);
    if (first_twin == rows_.end()) return;
    if (!group_->conflicts.empty()) compare(std::span<const Row>(first_twin, rows_.end()));
    const auto again = std::ranges::unique(first_twin, rows_.end(), same_key);
    repeated_ = again.size();
    rows_.erase(again.begin(), again.end());
}

/// Reads the records again, but only those of repeated IDs: so keeping no events costs nothing where no ID is
/// repeated.
void Batch::compare(std::span<const Row> rows) {
    EventReader reader;
    PayloadComparison comparison;
    for (std::size_t i = 0; i < rows.size();) {
        const Row& first = rows[i++];
        if (i == rows.size() || rows[i].key != first.key) continue;
        const auto said_first = reader.read(records_[first.record].value());
        for (; i < rows.size() && rows[i].key == first.key; ++i) {
            const auto said_again = reader.read(records_[rows[i].record].value());
            const auto& again = std::get<ActivityEvent>(said_again);
            if (!comparison.same(std::get<ActivityEvent>(said_first), again))
                conflicts_.add(again.message_id);
        }
    }
}

void Batch::refuse_rows(std::vector<RefusedRow> refused) {
    assert(sealed_ && std::ranges::is_sorted(refused, {}, &RefusedRow::place));
    std::vector<Row> kept;
    kept.reserve(rows_.size() - refused.size());
    auto next = refused.begin();
    for (std::size_t i = 0; i < rows_.size(); ++i) {
        if (next != refused.end() && next->place == i) {
            refusals_.push_back({rows_[i].record, std::move(next->why)});
            ++next;
        } else {
            kept.push_back(rows_[i]);
        }
    }
    rows_ = std::move(kept);
    // Rows lie in the order of their keys; where they go to, a learner's records keep theirs.
    std::ranges::sort(refusals_.begin() + static_cast<std::ptrdiff_t>(delivered_), refusals_.end(), {},
                      &Refusal::record);
}

LearnerKey Batch::learner(const Row& row) const {
    LearnerKey learner;
    const std::string_view field = row_bytes(row).substr(learner_begin + 4, learner.bytes.size());
    std::ranges::copy(field, reinterpret_cast<char*>(learner.bytes.data()));
    return learner;
}

void Batch::append_without_learner(std::string& out, const Row& row) const {
    const std::string_view bytes = row_bytes(row);
    CopyRows count;
    count.begin_row(shared_columns - 1 + group_->columns.size());
    out += count.bytes();
    out += bytes.substr(count.size(), learner_begin - count.size());
    out += bytes.substr(learner_begin + 4 + sizeof(UuidBytes));
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
    ignored_ = 0;
    conflicts_ = {};
    newest_received_.reset();
    sealed_ = false;
}

}  // namespace activity::workers
