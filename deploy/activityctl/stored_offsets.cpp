#include "deploy/activityctl/stored_offsets.h"

namespace activity::ctl {

StoredOffsets load_stored_offsets(Database& database) {
    StoredOffsets stored;
    for (const auto& row : database.query("SELECT grp, topic, part, next_offset, epoch, coalesce(owner, ''), "
                                          "to_char(updated_at AT TIME ZONE 'UTC', "
                                          "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM activity.part_offset")) {
        stored[row[0].value()][{row[1].value(), static_cast<std::int32_t>(std::stol(row[2].value()))}] = {
            std::stoll(row[3].value()), std::stoll(row[4].value()), row[5].value(), row[6].value()};
    }
    return stored;
}

std::int64_t move_offsets(Database::Transaction& transaction, const std::string& group,
                          const std::vector<OffsetMove>& moves, bool only_back) {
    std::vector<std::string> topics, parts, from, to;
    for (const auto& move : moves) {
        topics.push_back(move.partition.topic);
        parts.push_back(std::to_string(move.partition.partition));
        from.push_back(std::to_string(move.from));
        to.push_back(std::to_string(move.to));
    }
    // Locked in one order, as a worker's claim does.
    const auto moved = transaction.query(
        "WITH wanted AS MATERIALIZED ("
        "SELECT p.topic, p.part, w.new FROM activity.part_offset AS p "
        "JOIN unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[]) AS w (topic, part, old, new) "
        "USING (topic, part) WHERE p.grp = $1 AND CASE WHEN $6::boolean THEN p.next_offset > w.new "
        "ELSE p.next_offset = w.old END ORDER BY p.topic, p.part FOR UPDATE OF p) "
        "UPDATE activity.part_offset AS p SET next_offset = wanted.new, epoch = p.epoch + 1, owner = "
        "'activityctl', "
        "updated_at = now() FROM wanted WHERE p.grp = $1 AND p.topic = wanted.topic AND p.part = wanted.part "
        "RETURNING p.part",
        {group, array_text(topics), array_text(parts), array_text(from), array_text(to),
         only_back ? "t" : "f"});
    return static_cast<std::int64_t>(moved.size());
}

}  // namespace activity::ctl
