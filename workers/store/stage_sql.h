#pragma once

#include <string>

#include "workers/groups/group.h"

namespace activity::workers {

/// Makes the temporary table that a batch comes into.
inline std::string stage_sql(const Group& group) {
    std::string sql = "message_key uuid, learner_key uuid, received_at timestamptz";
    for (const auto& [name, type] : group.columns) sql.append(", ").append(name).append(" ").append(type);
    return "CREATE TEMPORARY TABLE stage (" + sql + ") ON COMMIT DELETE ROWS";
}

/// Claims what is staged in the group's set of seen messages; fails if a repeat is there. Costs less than
/// half of seen_sql(), whose ON CONFLICT looks for each key before it inserts it.
inline std::string claim_fresh_sql(const Group& group) {
    return "INSERT INTO activity.seen_" + std::string(group.name) +
           " (message_key) SELECT message_key FROM pg_temp.stage";
}

/// Claims what is staged in the group's set of seen messages, and deletes the repeats from `stage`.
/// The order of the rows is that of their keys, so workers that meet wait for each other and never deadlock.
inline std::string seen_sql(const Group& group) {
    return "WITH claimed AS (INSERT INTO activity.seen_" + std::string(group.name) +
           " (message_key) SELECT message_key FROM pg_temp.stage ON CONFLICT DO NOTHING RETURNING "
           "message_key) "
           "DELETE FROM pg_temp.stage WHERE NOT EXISTS "
           "(SELECT FROM claimed WHERE claimed.message_key = stage.message_key)";
}

}  // namespace activity::workers
