#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "schemas/activity/event.h"
#include "schemas/catalogue/catalogue.h"

namespace activity::workers {

/// What the catalogue calls the activities that come by; remembers them, because few names make most of the
/// traffic. One a thread.
class ActivityNames {
  public:
    explicit ActivityNames(const Catalogue& catalogue) : catalogue_(&catalogue) {}

    /// The catalogue's ID, else the activity's own name. Valid as long as the event and this.
    std::string_view of(const ActivityEvent& event);

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };

    const Catalogue* catalogue_;
    std::unordered_map<std::string, std::string_view, Hash, std::equal_to<>> tracked_;
};

}  // namespace activity::workers
