#include "workers/groups/groups.h"

#include "workers/groups/records/records.h"

namespace activity::workers {

const std::vector<Group>& groups() {
    static const std::vector<Group> all{
        records_group(),
    };
    return all;
}

}  // namespace activity::workers
