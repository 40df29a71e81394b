#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "schemas/activity/event.h"
#include "schemas/activity/json.h"

namespace activity::workers {

/// Records whose message ID came before with another payload. The first one wins; the others are counted.
struct Conflicts {
    std::size_t count = 0;
    std::string example;  ///< message ID of one of them

    void add(std::string_view message_id) {
        if (count++ == 0) example = message_id;
    }
    void add(Conflicts more) {
        if (count == 0) example = std::move(more.example);
        count += more.count;
    }
};

/// Tells an honest repeat of a message from another one under its ID, by what the client says: type,
/// activity, who, source and properties. Time of receipt, the correction of the client's clock, context and
/// extra members may well differ in a repeat. One a thread.
class PayloadComparison {
  public:
    bool same(const ActivityEvent& first, const ActivityEvent& again);

  private:
    bool same_json(std::string_view first, std::string_view again);

    json::Reader first_reader_;
    json::Reader again_reader_;
};

}  // namespace activity::workers
