#include "workers/groups/activity_names.h"

namespace activity::workers {
namespace {

/// A client may invent any number of names.
constexpr std::size_t remembered_max = 1'000;

}  // namespace

std::string_view ActivityNames::of(const ActivityEvent& event) {
    if (event.type != EventType::track) {
        const auto* known = catalogue_->find(event.type, event.activity);
        return known == nullptr ? std::string_view(event.activity) : std::string_view(known->id);
    }
    const auto remembered = tracked_.find(std::string_view(event.activity));
    if (remembered != tracked_.end()) return remembered->second;
    const auto* known = catalogue_->find(event.type, event.activity);
    if (known == nullptr) return event.activity;
    if (tracked_.size() < remembered_max) tracked_.emplace(event.activity, known->id);
    return known->id;
}

}  // namespace activity::workers
