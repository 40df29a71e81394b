#include "workers/groups/groups.h"

#include "workers/groups/leaderboard/leaderboard.h"
#include "workers/groups/records/records.h"
#include "workers/groups/rollups/rollups.h"
#include "workers/groups/search/search.h"

namespace activity::workers {

const std::vector<Group>& groups() {
    static const std::vector<Group> all{
        records_group(),
        rollups_group(),
        search_group(),
        leaderboard_group(),
    };
    return all;
}

}  // namespace activity::workers
