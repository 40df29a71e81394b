#include "deploy/activityctl/group_tables.h"

namespace activity::ctl {

std::vector<GroupTable> group_tables(Database::Transaction& transaction,
                                     const std::optional<std::string>& group) {
    std::vector<GroupTable> tables;
    for (const auto& row : transaction.query(
             "SELECT grp, format('activity.%I', relation), "
             "CASE WHEN learner_column IS NOT NULL THEN quote_ident(learner_column) ELSE '' END, "
             "coalesce(keeps, '') "
             "FROM activity.group_table WHERE ($1::text IS NULL OR grp = $1) "
             "AND to_regclass(format('activity.%I', relation)) IS NOT NULL ORDER BY grp, relation",
             {group})) {
        tables.push_back({row[0].value(), row[1].value(), row[2].value(), row[3].value()});
    }
    return tables;
}

}  // namespace activity::ctl
