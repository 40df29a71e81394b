#pragma once

#include <optional>
#include <string>
#include <vector>

#include "deploy/activityctl/database.h"

namespace activity::ctl {

/// A table of a worker group, as activity.group_table has it.
struct GroupTable {
    std::string group;
    std::string table;           ///< with its schema, quoted where it must be
    std::string learner_column;  ///< likewise; empty: it knows no learners
    std::string keeps;           ///< SQL: rows that a fresh start leaves there; empty: none
};

/// What the groups have registered, but for tables that are not there. Of one group, by its short name, or of
/// all.
std::vector<GroupTable> group_tables(Database::Transaction& transaction,
                                     const std::optional<std::string>& group);

}  // namespace activity::ctl
