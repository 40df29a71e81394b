#include "deploy/activityctl/group_tables.h"

namespace activity::ctl {

std::vector<GroupTable> group_tables(Database::Transaction& transaction,
                                     const std::optional<std::string>& group) {
    std::vector<GroupTable> tables;
    for (const auto& row : transaction.query(
             "SELECT t.grp, format('%I.%I', n.nspname, c.relname), coalesce(t.learner_column::text, '') "
             "FROM activity.group_table AS t "
             "JOIN pg_class AS c ON c.oid = to_regclass(CASE WHEN strpos(t.relation::text, '.') > 0 "
             "THEN t.relation::text ELSE 'activity.' || t.relation::text END) "
             "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
             "WHERE $1::text IS NULL OR t.grp = $1 ORDER BY t.grp, 2",
             {group})) {
        tables.push_back({row[0].value(), row[1].value(), row[2].value()});
    }
    return tables;
}

}  // namespace activity::ctl
