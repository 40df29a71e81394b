#include "workers/groups/leaderboard/leaderboard.h"

#include <cstdlib>
#include <memory>
#include <optional>

#include "workers/groups/course.h"
#include "workers/groups/leaderboard/rules.h"
#include "workers/groups/properties.h"

namespace activity::workers {
namespace {

const std::vector<Column>& columns() {
    static const std::vector<Column> all{
        {"course_id", "text COLLATE \"C\""},  // empty: none
        {"rule", "text COLLATE \"C\""},
        {"item", "text COLLATE \"C\""},  // NULL: every event counts
        {"points", "bigint"},
    };
    return all;
}

/// Writes the fields of columns(). One a thread.
class RowWriter {
  public:
    explicit RowWriter(PointsRules rules) : rules_(std::move(rules)) {}

    bool operator()(CopyRows& rows, const Message& message) {
        const auto* candidates = rules_.find(message.activity);
        if (candidates == nullptr) return false;
        const auto properties = properties_.read(message.event.properties);
        for (const auto& rule : *candidates) {
            if (!rule.fits(properties)) continue;
            std::optional<std::string> item;
            if (!rule.once_per.empty()) {
                item = properties.id(rule.once_per);
                if (!item) continue;
            }
            rows.text(course_.read(message.event.properties, message.event.context).value_or(std::string()));
            rows.text(rule.name);
            rows.text_or_null(item.value_or(std::string()));
            rows.bigint(rule.points);
            return true;
        }
        return false;
    }

  private:
    PointsRules rules_;
    PropertiesReader properties_;
    CourseReader course_;
};

/// One statement: what is awarded for the first time is what moves a learner, and where the learner was and
/// is goes into the counts that ranks are read from. From table to table in one order, within each by key.
constexpr const char* effect = R"sql(
WITH awarded AS (
    INSERT INTO activity.award (learner_key, rule, item, course_id, points)
    SELECT DISTINCT ON (learner_key, rule, item) learner_key, rule, item, course_id, points
    FROM pg_temp.stage WHERE item IS NOT NULL
    ORDER BY learner_key, rule, item, message_key
    ON CONFLICT (learner_key, rule, item) DO NOTHING
    RETURNING learner_key, course_id, points
), earned AS (
    SELECT learner_key, course_id, points FROM awarded
    UNION ALL
    SELECT learner_key, course_id, points FROM pg_temp.stage WHERE item IS NULL
), board AS (
    INSERT INTO activity.leaderboard AS known (learner_key, course_id, points, added)
    SELECT learner_key, course_id, sum(points), sum(points) FROM (
        SELECT learner_key, course_id, points FROM earned WHERE course_id <> ''
        UNION ALL
        SELECT learner_key, '', points FROM earned) AS staged
    GROUP BY learner_key, course_id
    ORDER BY learner_key, course_id COLLATE "C"
    ON CONFLICT (learner_key, course_id) DO UPDATE
        SET points = known.points + excluded.points, added = excluded.points
    RETURNING course_id, points, added
), moved AS (
    SELECT course_id, points, 1 AS learners FROM board
    UNION ALL
    SELECT course_id, points - added, -1 FROM board WHERE points > added
)
INSERT INTO activity.leaderboard_count AS known (course_id, width, points, learners)
SELECT course_id, width, points / width * width, sum(learners)
FROM moved CROSS JOIN (VALUES (1), (1000)) AS of (width)
GROUP BY course_id, width, points / width * width
HAVING sum(learners) <> 0
ORDER BY course_id COLLATE "C", width, points / width * width
ON CONFLICT (course_id, width, points) DO UPDATE SET learners = known.learners + excluded.learners
)sql";

/// The environment is read here and not through the worker's settings, which know no group; they check the
/// file, so that a mistake in it is reported with all others, before anything runs.
PointsRules configured_rules() {
    const char* file = std::getenv("ACTIVITY_LEADERBOARD_RULES");
    return PointsRules::load(file == nullptr || *file == '\0' ? PointsRules::default_file()
                                                              : std::filesystem::path(file));
}

}  // namespace

Group leaderboard_group() {
    Group group;
    group.name = "leaderboard";
    group.columns = columns();
    group.row_writer = [] {
        return [writer = std::make_shared<RowWriter>(configured_rules())](
                   CopyRows& rows, const Message& message) { return (*writer)(rows, message); };
    };
    group.effect = {effect};
    return group;
}

}  // namespace activity::workers
