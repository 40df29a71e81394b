#include "workers/groups/groups.h"

#include <algorithm>

#include "workers/groups/records/records.h"

namespace activity::workers {

const std::vector<Group>& groups() {
    static const std::vector<Group> all{
        records_group(),
    };
    return all;
}

const Group* find_group(std::string_view name) {
    const auto found = std::ranges::find(groups(), name, &Group::name);
    return found == groups().end() ? nullptr : &*found;
}

std::string group_names() {
    std::string names;
    for (const auto& group : groups()) {
        if (!names.empty()) names += ", ";
        names += group.name;
    }
    return names;
}

}  // namespace activity::workers
