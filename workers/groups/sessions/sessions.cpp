#include "workers/groups/sessions/sessions.h"

namespace activity::workers {
namespace {

/// A statement of its own: it waits for other workers' rows of these learners. The next statement sees what
/// they have committed; this one would not.
constexpr const char* learners_sql =
    "INSERT INTO activity.session_learner AS l (learner_key, sessions, events) "
    "SELECT learner_key, 0, count(*) FROM pg_temp.stage GROUP BY learner_key ORDER BY learner_key "
    "ON CONFLICT (learner_key) DO UPDATE SET events = l.events + excluded.events";

/// piece     the batch, put together by half hours of the clock: events of one are of one session anyway
/// part      the pieces, and the stored sessions that are near enough to go together with one of them.
///           Sessions are more than half an hour apart and a piece is shorter than one, so there are at most
///           three; a backward scan of the key finds them, whatever the planner thinks of the table's size
/// numbered  islands: each part begins one, or goes on with the one before it
/// absorbed  a stored session that is not the beginning of its island is deleted; found again by its place,
///           which can't move while we have the learner's row
/// counted   the number of sessions, where it has changed; and with it the learner's profile
constexpr const char* sessions_sql =
    "WITH piece AS MATERIALIZED ("
    "    SELECT learner_key, min(happened_at) AS lo, max(happened_at) AS hi, count(*) AS events"
    "    FROM pg_temp.stage GROUP BY learner_key, date_bin('30 minutes', happened_at, 'epoch')"
    "), part AS ("
    "    SELECT learner_key, lo, hi, events, NULL::tid AS place FROM piece"
    "    UNION ALL"
    "    SELECT DISTINCT p.learner_key, s.started_at, s.ended_at, s.events, s.place"
    "    FROM piece AS p CROSS JOIN LATERAL ("
    "        SELECT t.started_at, t.ended_at, t.events, t.ctid AS place FROM activity.session AS t"
    "        WHERE t.learner_key = p.learner_key AND t.started_at <= p.hi + interval '30 minutes'"
    "        ORDER BY t.started_at DESC LIMIT 3) AS s"
    "    WHERE s.ended_at >= p.lo - interval '30 minutes'"
    "), edge AS ("
    "    SELECT learner_key, lo, hi, events, place, coalesce("
    "               lo - interval '30 minutes' <= max(hi) OVER ("
    "                   PARTITION BY learner_key ORDER BY lo, place NULLS LAST"
    "                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false) AS goes_on"
    "    FROM part"
    "), numbered AS MATERIALIZED ("
    "    SELECT learner_key, lo, hi, events, place, goes_on,"
    "           count(*) FILTER (WHERE NOT goes_on) OVER (PARTITION BY learner_key ORDER BY lo) AS number"
    "    FROM edge"
    "), absorbed AS ("
    "    DELETE FROM activity.session WHERE ctid = ANY (ARRAY("
    "        SELECT place FROM numbered WHERE goes_on AND place IS NOT NULL))"
    "), changed AS MATERIALIZED ("
    "    SELECT learner_key, count(*) FILTER (WHERE NOT goes_on) - count(place) AS sessions FROM numbered"
    "    GROUP BY learner_key HAVING count(*) FILTER (WHERE NOT goes_on) <> count(place)"
    "), counted AS ("
    "    INSERT INTO activity.session_learner AS l (learner_key, sessions, events)"
    "    SELECT learner_key, sessions, 0 FROM changed ORDER BY learner_key"
    "    ON CONFLICT (learner_key) DO UPDATE SET sessions = l.sessions + excluded.sessions"
    "), told AS ("
    "    INSERT INTO activity.profile_change AS c (learner_key)"
    "    SELECT learner_key FROM changed ORDER BY learner_key"
    "    ON CONFLICT (learner_key) DO UPDATE SET version = excluded.version"
    ") "
    "INSERT INTO activity.session (learner_key, started_at, ended_at, events) "
    "SELECT learner_key, min(lo), max(hi), sum(events)::bigint FROM numbered "
    "GROUP BY learner_key, number ORDER BY learner_key, number "
    "ON CONFLICT (learner_key, started_at) "
    "DO UPDATE SET ended_at = excluded.ended_at, events = excluded.events";

}  // namespace

Group sessions_group() {
    Group group;
    group.name = "sessions";
    group.columns = {{"happened_at", "timestamptz"}};
    group.row_writer = [] {
        return [](CopyRows& rows, const Message& message) {
            rows.timestamptz(message.happened_at);
            return true;
        };
    };
    group.effect = {learners_sql, sessions_sql};
    return group;
}

}  // namespace activity::workers
