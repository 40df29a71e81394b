#include "workers/groups/groups.h"

#include "workers/groups/profiles/profiles.h"
#include "workers/groups/records/records.h"
#include "workers/groups/sessions/sessions.h"

namespace activity::workers {

const std::vector<Group>& groups() {
    static const std::vector<Group> all{
        records_group(),
        sessions_group(),
        profiles_group(),
    };
    return all;
}

}  // namespace activity::workers
