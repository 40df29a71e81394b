#include "workers/groups/search/search.h"

#include <array>
#include <memory>
#include <optional>

#include "workers/groups/course.h"
#include "workers/groups/properties.h"
#include "workers/groups/search/popularity.h"

namespace activity::workers {
namespace {

/// Which events speak for a problem or a question, and how loudly. An event of any kind speaks for the course
/// that it names, with weight 1.
struct Interest {
    std::string_view activity;
    std::string_view kind;
    std::string_view property;
    double weight;
};
constexpr std::array<Interest, 3> interests{{
    {"problem_opened", "problem", "problemId", 1},
    {"problem_submitted", "problem", "problemId", 2},
    {"question_asked", "question", "questionId", 1},
}};

const std::vector<Column>& columns() {
    static const std::vector<Column> all{
        {"happened_at", "timestamptz"},      {"course_id", "text COLLATE \"C\""},
        {"course_log2", "double precision"}, {"kind", "text COLLATE \"C\""},
        {"item", "text COLLATE \"C\""},      {"item_log2", "double precision"},
    };
    return all;
}

/// Writes the fields of columns(). One a thread.
class RowWriter {
  public:
    bool operator()(CopyRows& rows, const Message& message) {
        const Interest* interest = nullptr;
        for (const auto& each : interests) {
            if (each.activity == message.activity) interest = &each;
        }
        const auto course = course_.read(message.event.properties, message.event.context);
        std::optional<std::string> item;
        if (interest != nullptr) item = properties_.read(message.event.properties).id(interest->property);
        if (!course && !item) return false;

        rows.timestamptz(message.happened_at);
        rows.text_or_null(course.value_or(std::string()));
        rows.double_precision(popularity_log2(message.happened_at, 1));
        if (item) {
            rows.text(interest->kind);
            rows.text(*item);
            rows.double_precision(popularity_log2(message.happened_at, interest->weight));
        } else {
            rows.null();
            rows.null();
            rows.null();
        }
        return true;
    }

  private:
    CourseReader course_;
    PropertiesReader properties_;
};

/// Powers of two are summed relative to the greatest of the batch, as far as doubles reach: a thousand
/// half-lives below it, and an event is nothing beside that one.
constexpr const char* effect = R"sql(
INSERT INTO activity.popularity AS known (kind, item, score_log2, events, last_at)
SELECT kind, item,
    newest + ln(sum(power(2::double precision, greatest(score_log2 - newest, -1000)))) / ln(2::double precision),
    count(*), max(happened_at)
FROM (
    SELECT 'course' AS kind, course_id AS item, course_log2 AS score_log2, happened_at
    FROM pg_temp.stage WHERE course_id IS NOT NULL
    UNION ALL
    SELECT kind, item, item_log2, happened_at FROM pg_temp.stage WHERE item IS NOT NULL) AS staged
CROSS JOIN (SELECT max(course_log2) AS newest FROM pg_temp.stage) AS batch
GROUP BY kind, item, newest
ORDER BY kind COLLATE "C", item
ON CONFLICT (kind, item) DO UPDATE SET
    score_log2 = activity.sum_log2(known.score_log2, excluded.score_log2),
    events = known.events + excluded.events, last_at = greatest(known.last_at, excluded.last_at)
)sql";

}  // namespace

Group search_group() {
    Group group;
    group.name = "search";
    group.columns = columns();
    group.row_writer = [] {
        return [writer = std::make_shared<RowWriter>()](CopyRows& rows, const Message& message) {
            return (*writer)(rows, message);
        };
    };
    group.effect = {effect};
    return group;
}

}  // namespace activity::workers
