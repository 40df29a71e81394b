#include "workers/groups/rollups/rollups.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "schemas/activity/hash.h"
#include "schemas/activity/json.h"
#include "workers/groups/course.h"
#include "workers/groups/properties.h"

namespace activity::workers {
namespace {

/// More clicks than that in one event are no count. It also keeps a sum from ever leaving 64 bits.
constexpr std::int64_t clicks_max = 1'000'000;
/// Of a name that becomes part of the counters' key: PostgreSQL's index takes 2,700 bytes.
constexpr std::size_t value_bytes_max = 256;

const std::vector<Column>& columns() {
    // Bytes are compared, as in the tables.
    static const std::vector<Column> all{
        {"hour", "timestamptz"},
        {"minute", "integer"},
        {"hour_member", "uuid"},
        {"course_member", "uuid"},
        {"activity", "text COLLATE \"C\""},
        {"source", "text COLLATE \"C\""},
        {"course_id", "text COLLATE \"C\""},
        {"page_type", "text COLLATE \"C\""},
        {"solved", "boolean"},  // NULL: no attempt
        {"ordered", "boolean"},
        {"clicks", "integer"},
    };
    return all;
}

/// Writes the fields of columns(). One a thread.
class RowWriter {
  public:
    bool operator()(CopyRows& rows, const Message& message) {
        using namespace std::chrono;
        const auto hour = floor<hours>(message.happened_at);
        const auto minute = floor<minutes>(message.happened_at) - hour;
        rows.timestamptz(hour);
        rows.integer(static_cast<std::int32_t>(minute.count()));
        rows.uuid(rollup_member(hour.time_since_epoch().count(), message.learner));
        const auto course = course_.read(message.event.properties, message.event.context);
        if (course) {
            const auto day = floor<days>(hour).time_since_epoch().count();
            rows.uuid(rollup_member(day, *course, message.learner));
        } else {
            rows.null();
        }
        rows.text(json::cut(message.activity, value_bytes_max));
        rows.text(json::cut(message.event.source, value_bytes_max));
        rows.text_or_null(course.value_or(std::string()));
        write_properties(rows, message);
        return true;
    }

  private:
    /// page_type, solved, ordered, clicks. Only two activities have something to look for.
    void write_properties(CopyRows& rows, const Message& message) {
        const bool attempt = message.activity == "problem_submitted";
        const bool click = message.activity == "resource_clicked";
        const auto properties = attempt || click ? properties_.read(message.event.properties) : Properties();
        rows.text_or_null(click ? properties.id("pageType").value_or(std::string()) : std::string());
        if (attempt) {
            rows.boolean(properties.boolean("solved").value_or(false));
        } else {
            rows.null();
        }
        rows.boolean(message.activity == "store_order_placed");
        const auto clicks = click ? properties.integer("clicks").value_or(0) : 0;
        rows.integer(clicks > 0 && clicks <= clicks_max ? static_cast<std::int32_t>(clicks) : 0);
    }

    CourseReader course_;
    PropertiesReader properties_;
};

/// One statement, because what the sets find new is what the counters count. It goes from table to table in
/// one order (hours, days, counters), and within each by key: so workers wait for each other, never in a
/// circle. The counters come last: everybody meets there, and holds them for the shortest time.
///
/// `known` behind the staged rows is looked up one by one, a subquery that can't become a join: the staging
/// table has no statistics to choose a join by. It saves locking the rows, and writing the locks to the WAL,
/// of learners who were seen in this minute before, which are most.
constexpr const char* effect = R"sql(
WITH kept AS (
    SELECT * FROM pg_temp.stage
    WHERE hour >= coalesce((SELECT kept_from FROM activity.rollup_horizon), '-infinity')
), hours AS (
    INSERT INTO activity.rollup_active_hour AS known (member, learner_key, hour, minutes, added)
    SELECT hour_member, learner_key, hour, minutes, minutes FROM (
        SELECT hour_member, learner_key, hour, bit_or(1::bigint << minute) AS minutes
        FROM kept GROUP BY hour_member, learner_key, hour) AS staged
    WHERE minutes & ~coalesce((SELECT known.minutes FROM activity.rollup_active_hour AS known
                               WHERE known.member = hour_member), 0) <> 0
    ORDER BY hour_member
    ON CONFLICT (member) DO UPDATE
        SET minutes = known.minutes | excluded.minutes, added = excluded.minutes & ~known.minutes
        WHERE excluded.minutes & ~known.minutes <> 0
    RETURNING learner_key, hour, minutes, added
), days AS (
    INSERT INTO activity.rollup_active_day (member, learner_key, day, course_id)
    SELECT member, learner_key, day, course_id FROM (
        SELECT activity.rollup_member(day - date '1970-01-01', learner_key) AS member, learner_key, day,
            '' AS course_id
        FROM (SELECT DISTINCT learner_key, (hour AT TIME ZONE 'UTC')::date AS day
              FROM hours WHERE minutes = added) AS came
        UNION ALL
        SELECT DISTINCT course_member, learner_key, (hour AT TIME ZONE 'UTC')::date, course_id
        FROM kept WHERE course_member IS NOT NULL) AS staged
    ORDER BY member
    ON CONFLICT (member) DO NOTHING
    RETURNING day, course_id
), by_minute AS (
    SELECT hour, minute,
        CASE grouping(activity, course_id, source, page_type)
            WHEN 15 THEN 'all' WHEN 7 THEN 'activity' WHEN 11 THEN 'course' WHEN 13 THEN 'source'
            ELSE 'page_type'
        END AS dimension,
        coalesce(activity, course_id, source, page_type, '') AS value,
        count(*) AS events, count(solved) AS attempts, count(*) FILTER (WHERE solved) AS solved,
        count(*) FILTER (WHERE ordered) AS orders, sum(clicks) AS clicks
    FROM pg_temp.stage
    GROUP BY GROUPING SETS ((hour, minute), (hour, minute, activity), (hour, minute, course_id),
                            (hour, minute, source), (hour, minute, page_type))
    HAVING grouping(activity, course_id, source, page_type) = 15
        OR coalesce(activity, course_id, source, page_type) IS NOT NULL
), by_hour AS (
    SELECT hour, dimension, value, sum(events) AS events, sum(attempts) AS attempts, sum(solved) AS solved,
        sum(orders) AS orders, sum(clicks) AS clicks
    FROM by_minute GROUP BY hour, dimension, value
), came AS (
    SELECT hour, added, count(*) AS in_minutes, count(*) FILTER (WHERE minutes = added) AS in_hour
    FROM hours GROUP BY hour, added
), change AS (
    SELECT 'minute' AS granularity, hour + minute * interval '1 minute' AS bucket, dimension, value, events,
        NULL::bigint AS learners, attempts, solved, orders, clicks
    FROM by_minute
    WHERE hour >= coalesce((SELECT kept_from FROM activity.rollup_horizon), '-infinity')
    UNION ALL
    SELECT 'hour', hour, dimension, value, events, NULL, attempts, solved, orders, clicks FROM by_hour
    UNION ALL
    SELECT 'day', date_trunc('day', hour, 'UTC'), dimension, value, events, NULL, attempts, solved, orders,
        clicks
    FROM by_hour
    UNION ALL
    SELECT 'minute', hour + minute * interval '1 minute', 'all', '', 0, in_minutes, 0, 0, 0, 0
    FROM came, generate_series(0, 59) AS minute WHERE added >> minute & 1 = 1
    UNION ALL
    SELECT 'hour', hour, 'all', '', 0, in_hour, 0, 0, 0, 0 FROM came
    UNION ALL
    SELECT 'day', day::timestamp AT TIME ZONE 'UTC', CASE course_id WHEN '' THEN 'all' ELSE 'course' END,
        course_id, 0, count(*), 0, 0, 0, 0
    FROM days GROUP BY day, course_id
)
INSERT INTO activity.rollup AS r
    (granularity, bucket, dimension, value, events, learners, attempts, solved, orders, clicks)
SELECT granularity, bucket, dimension, value,
    sum(events), sum(learners), sum(attempts), sum(solved), sum(orders), sum(clicks)
FROM change
GROUP BY granularity, bucket, dimension, value
ORDER BY granularity COLLATE "C", bucket, dimension COLLATE "C", value COLLATE "C"
ON CONFLICT (granularity, bucket, dimension, value) DO UPDATE SET
    events = r.events + excluded.events,
    learners = coalesce(r.learners + excluded.learners, r.learners, excluded.learners),
    attempts = r.attempts + excluded.attempts, solved = r.solved + excluded.solved,
    orders = r.orders + excluded.orders, clicks = r.clicks + excluded.clicks
)sql";

/// `hash` behind 32 bits of `span`.
UuidBytes behind(std::int64_t span, const UuidBytes& hash) {
    UuidBytes member{};
    const auto bits = static_cast<std::uint32_t>(span);
    for (std::size_t i = 0; i < 4; ++i) member[i] = static_cast<std::uint8_t>(bits >> (24 - 8 * i));
    std::copy_n(hash.begin(), member.size() - 4, member.begin() + 4);
    return member;
}

}  // namespace

UuidBytes rollup_member(std::int64_t hour, const LearnerKey& learner) {
    return behind(hour, learner.bytes);
}

UuidBytes rollup_member(std::int64_t day, std::string_view course_id, const LearnerKey& learner) {
    // The learner first: its length is fixed, so no two pairs make the same text.
    std::string text(reinterpret_cast<const char*>(learner.bytes.data()), learner.bytes.size());
    text += course_id;
    return behind(day, hash_128(text));
}

Group rollups_group() {
    Group group;
    group.name = "rollups";
    group.columns = columns();
    group.row_writer = [] {
        return [writer = std::make_shared<RowWriter>()](CopyRows& rows, const Message& message) {
            return (*writer)(rows, message);
        };
    };
    group.effect = {effect};
    group.newest_lane = true;
    return group;
}

}  // namespace activity::workers
