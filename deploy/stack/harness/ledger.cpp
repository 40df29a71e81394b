#include "deploy/stack/harness/ledger.h"

#include <algorithm>

namespace activity::harness {

Outcome Ledger::Entry::outcome() const {
    if (acknowledged > 0) return Outcome::acknowledged;
    return refused == attempts ? Outcome::refused : Outcome::unknown;
}

void Ledger::sent(const std::string& message_id) {
    const std::lock_guard lock(mutex_);
    ++entries_[message_id].attempts;
}

void Ledger::settle(const std::string& message_id, Outcome outcome) {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[message_id];
    if (outcome == Outcome::acknowledged) ++entry.acknowledged;
    if (outcome == Outcome::refused) ++entry.refused;
}

void Ledger::wrong_answer(const std::string& what) {
    const std::lock_guard lock(mutex_);
    wrong_answers_.push_back(what);
}

std::map<std::string, Outcome> Ledger::outcomes() const {
    const std::lock_guard lock(mutex_);
    std::map<std::string, Outcome> result;
    for (const auto& [message_id, entry] : entries_)
        result.emplace_hint(result.end(), message_id, entry.outcome());
    return result;
}

std::size_t Ledger::count(Outcome outcome) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
        return entry.second.outcome() == outcome;
    }));
}

std::size_t Ledger::size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

std::size_t Ledger::attempts() const {
    const std::lock_guard lock(mutex_);
    std::size_t sum = 0;
    for (const auto& [message_id, entry] : entries_) sum += entry.attempts;
    return sum;
}

std::vector<std::string> Ledger::wrong_answers() const {
    const std::lock_guard lock(mutex_);
    return wrong_answers_;
}

}  // namespace activity::harness
