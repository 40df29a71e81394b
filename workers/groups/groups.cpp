#include "workers/groups/groups.h"

#include "workers/groups/leaderboard/leaderboard.h"
#include "workers/groups/profiles/profiles.h"
#include "workers/groups/records/records.h"
#include "workers/groups/rollups/rollups.h"
#include "workers/groups/search/search.h"
#include "workers/groups/sessions/sessions.h"

namespace activity::workers {

const std::vector<Group>& groups() {
    static const std::vector<Group> all{
        records_group(),  rollups_group(), sessions_group(),
        profiles_group(), search_group(),  leaderboard_group(),
    };
    return all;
}

}  // namespace activity::workers
