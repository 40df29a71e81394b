#include "workers/groups/profiles/profiles.h"

#include <cstdint>
#include <memory>
#include <optional>

#include "schemas/activity/json.h"
#include "workers/groups/profiles/presence.h"
#include "workers/groups/properties.h"

namespace activity::workers {
namespace {

/// Longest name of an activity, bytes: names that the catalogue does not have come from clients, and an index
/// has them.
constexpr std::size_t activity_bytes_max = 256;

/// More clicks than one event can stand for: no number, but a mistake.
constexpr std::int64_t clicks_max = 1'000'000'000;

class ProfileRow {
  public:
    /// In the order of the group's columns. Only what may tell something is parsed.
    void write(CopyRows& rows, const Message& message) {
        const auto& event = message.event;
        std::optional<bool> solved;
        std::int64_t clicks = 0;
        std::optional<std::string> device;
        std::optional<Location> location;
        if (message.activity == "problem_submitted") {
            solved = reader_.read(event.properties).boolean("solved").value_or(false);
        } else if (message.activity == "resource_clicked") {
            clicks = reader_.read(event.properties).integer("clicks").value_or(0);
        } else if (message.activity == "device_used") {
            device = device_of(reader_.read(event.properties));
        } else if (message.activity == "location_updated") {
            location = location_of(reader_.read(event.properties));
        } else if (event.type == EventType::identify) {
            device = device_of_context(reader_.read(event.context));
        }

        rows.timestamptz(message.happened_at);
        rows.text(json::cut(message.activity, activity_bytes_max));
        rows.text(event.source);
        rows.text_or_null(event.user_id);
        rows.text_or_null(event.user_id.empty() ? event.anonymous_id : std::string_view());
        solved ? rows.boolean(*solved) : rows.null();
        clicks > 0 && clicks <= clicks_max ? rows.bigint(clicks) : rows.null();
        rows.text_or_null(device.value_or(""));
        rows.text_or_null(location ? location->country : "");
        rows.text_or_null(location ? location->region : "");
    }

  private:
    PropertiesReader reader_;
};

/// The first statement: its rows are what workers that meet on a learner wait for. The newest device and
/// location of a batch are looked for apart, as few events have any.
constexpr const char* profile_sql =
    "WITH device AS MATERIALIZED ("
    "    SELECT DISTINCT ON (learner_key) learner_key, happened_at, message_key, device FROM pg_temp.stage"
    "    WHERE device IS NOT NULL ORDER BY learner_key, happened_at DESC, message_key DESC"
    "), location AS MATERIALIZED ("
    "    SELECT DISTINCT ON (learner_key) learner_key, happened_at, message_key, country, region"
    "    FROM pg_temp.stage"
    "    WHERE country IS NOT NULL ORDER BY learner_key, happened_at DESC, message_key DESC"
    "), learner AS ("
    "    SELECT learner_key, min(happened_at) AS first_seen_at, max(happened_at) AS last_seen_at,"
    "           count(*) AS events, count(solved) AS attempts, count(*) FILTER (WHERE solved) AS solved,"
    "           min(source) AS source, min(user_id) AS user_id, min(anonymous_id) AS anonymous_id"
    "    FROM pg_temp.stage GROUP BY learner_key"
    ") "
    "INSERT INTO activity.profile AS p (learner_key, first_seen_at, last_seen_at, events, attempts, solved, "
    "    device_at, device_event, location_at, location_event, source, user_id, anonymous_id, device, "
    "    country, region) "
    "SELECT l.learner_key, l.first_seen_at, l.last_seen_at, l.events, l.attempts, l.solved, "
    "       d.happened_at, d.message_key, w.happened_at, w.message_key, l.source, l.user_id, l.anonymous_id, "
    "       d.device::jsonb, w.country, w.region "
    "FROM learner AS l LEFT JOIN device AS d USING (learner_key) LEFT JOIN location AS w USING (learner_key) "
    "ORDER BY l.learner_key "
    "ON CONFLICT (learner_key) DO UPDATE SET "
    "    first_seen_at = least(p.first_seen_at, excluded.first_seen_at), "
    "    last_seen_at = greatest(p.last_seen_at, excluded.last_seen_at), "
    "    events = p.events + excluded.events, "
    "    attempts = p.attempts + excluded.attempts, "
    "    solved = p.solved + excluded.solved, "
    "    user_id = coalesce(p.user_id, excluded.user_id), "
    "    anonymous_id = coalesce(p.anonymous_id, excluded.anonymous_id), ";

/// SET of columns that all come from the newest event that tells them: the latest wins, and of two at the
/// same time the one with the larger message key. `at` and `event` say which it was.
std::string newest(const std::string& at, const std::string& event, const std::vector<std::string>& columns) {
    std::string sql;
    for (const auto& column : columns) {
        sql += sql.empty() ? "" : ", ";
        sql += column + " = CASE WHEN (excluded." + at + ", excluded." + event + ") > (coalesce(p." + at +
               ", '-infinity'), coalesce(p." + event +
               ", '00000000-0000-0000-0000-000000000000')) THEN excluded." + column + " ELSE p." + column +
               " END";
    }
    return sql;
}

constexpr const char* day_sql =
    "INSERT INTO activity.learner_day AS d (learner_key, day, activity, events, attempts, solved, clicks) "
    "SELECT learner_key, (happened_at AT TIME ZONE 'UTC')::date, activity, count(*), count(solved), "
    "       count(*) FILTER (WHERE solved), coalesce(sum(clicks), 0)::bigint "
    "FROM pg_temp.stage GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 "
    "ON CONFLICT (learner_key, day, activity) DO UPDATE SET events = d.events + excluded.events, "
    "    attempts = d.attempts + excluded.attempts, solved = d.solved + excluded.solved, "
    "    clicks = d.clicks + excluded.clicks";

/// Last, because the group sessions and the relay write these rows too: nobody waits for long.
constexpr const char* change_sql =
    "INSERT INTO activity.profile_change AS c (learner_key) "
    "SELECT DISTINCT learner_key FROM pg_temp.stage ORDER BY learner_key "
    "ON CONFLICT (learner_key) DO UPDATE SET version = excluded.version";

/// What changed longest ago comes first, and nothing before the interval is over: within it, a learner's
/// changes become one record. A mark of a learner who has no profile and no tombstone waits for the profile:
/// the group sessions may be ahead of this one. It is looked up as a value, not by EXISTS, which the planner
/// may turn into a scan of all profiles.
constexpr const char* take_sql =
    "WITH due AS MATERIALIZED ("
    "    SELECT c.learner_key, c.version, c.record_key FROM activity.profile_change AS c"
    "    WHERE c.changed_at <= now() - interval '10 seconds' AND (c.record_key IS NOT NULL OR ("
    "        SELECT p.events FROM activity.profile AS p WHERE p.learner_key = c.learner_key) IS NOT NULL)"
    "    ORDER BY c.changed_at LIMIT $1"
    "), told AS MATERIALIZED ("
    "    SELECT d.learner_key, d.document"
    "    FROM activity.profile_document(ARRAY(SELECT learner_key FROM due), now()) AS d"
    ") "
    "SELECT due.learner_key::text, due.version, "
    "       CASE WHEN told.document IS NULL THEN due.record_key "
    "            ELSE (told.document ->> 'source') || '/' || "
    "                 coalesce(told.document ->> 'userId', told.document ->> 'anonymousId') END, "
    "       told.document::text "
    "FROM due LEFT JOIN told USING (learner_key)";

/// Rows that somebody is changing are left alone: they have another version by then, or are sent once more.
/// What has changed since it was taken waits for the interval again. A mark that waits for a profile goes
/// after a minute: should the profile come, it brings a mark of its own, and the sessions are in it.
constexpr const char* done_sql =
    "WITH told AS MATERIALIZED ("
    "    SELECT c.learner_key, sent.version AS sent, c.version FROM activity.profile_change AS c"
    "    JOIN unnest($1::text[], $2::bigint[]) AS sent (id, version) ON c.learner_key = sent.id::uuid"
    "    FOR UPDATE OF c SKIP LOCKED"
    "), waiting AS MATERIALIZED ("
    "    SELECT c.learner_key, c.version FROM activity.profile_change AS c"
    "    WHERE c.record_key IS NULL AND c.changed_at < now() - interval '1 minute' AND ("
    "        SELECT p.events FROM activity.profile AS p WHERE p.learner_key = c.learner_key) IS NULL"
    "    LIMIT 1000 FOR UPDATE OF c SKIP LOCKED"
    "), again AS ("
    "    UPDATE activity.profile_change AS c SET changed_at = now() FROM told"
    "    WHERE c.learner_key = told.learner_key AND told.version <> told.sent"
    ") "
    "DELETE FROM activity.profile_change AS c USING ("
    "    SELECT learner_key, version FROM told WHERE version = sent UNION SELECT * FROM waiting) AS gone "
    "WHERE c.learner_key = gone.learner_key AND c.version = gone.version";

/// With the key, in case that the profile is gone meanwhile: then the tombstone has to come again.
constexpr const char* again_sql =
    "INSERT INTO activity.profile_change AS c (learner_key, record_key) "
    "SELECT sent.id::uuid, sent.key FROM unnest($1::text[], $2::text[]) AS sent (id, key) ORDER BY 1 "
    "ON CONFLICT (learner_key) DO UPDATE SET version = excluded.version, record_key = excluded.record_key";

}  // namespace

Group profiles_group() {
    Group group;
    group.name = "profiles";
    group.columns = {
        {"happened_at", "timestamptz"},
        {"activity", "text COLLATE \"C\""},
        {"source", "text COLLATE \"C\""},
        {"user_id", "text COLLATE \"C\""},
        {"anonymous_id", "text COLLATE \"C\""},
        {"solved", "boolean"},  // NULL unless it is an answer to a problem
        {"clicks", "bigint"},
        {"device", "json"},
        {"country", "text"},
        {"region", "text"},
    };
    group.row_writer = [] {
        return [row = std::make_shared<ProfileRow>()](CopyRows& rows, const Message& message) {
            row->write(rows, message);
            return true;
        };
    };
    group.effect = {
        profile_sql + newest("device_at", "device_event", {"device_at", "device_event", "device"}) + ", " +
            newest("location_at", "location_event", {"location_at", "location_event", "country", "region"}),
        day_sql, change_sql};
    group.outbox = OutboxQueries{"profiles", take_sql, done_sql, again_sql};
    return group;
}

}  // namespace activity::workers
