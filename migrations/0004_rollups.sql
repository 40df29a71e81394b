-- Counters by minute, hour and day, and the exact sets behind the counts of active learners.

SET LOCAL ROLE activity_owner;

SELECT activity.create_group('rollups', 'Counters by minute, hour and day for reports and live dashboards.');

-- Counters ---------------------------------------------------------------------------------------------------

-- The collation "C" compares bytes: half the price of the key's comparisons. A part of each page is left free, so
-- that an update stays on its page and touches no index.
CREATE TABLE activity.rollup (
    granularity text COLLATE "C" NOT NULL CHECK (granularity IN ('minute', 'hour', 'day')),
    bucket      timestamptz      NOT NULL,
    dimension   text COLLATE "C" NOT NULL CHECK (dimension IN ('all', 'activity', 'course', 'source', 'page_type')),
    value       text COLLATE "C" NOT NULL,
    events      bigint           NOT NULL,
    learners    bigint,
    attempts    bigint           NOT NULL,
    solved      bigint           NOT NULL,
    orders      bigint           NOT NULL,
    clicks      bigint           NOT NULL,
    PRIMARY KEY (granularity, bucket, dimension, value)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE activity.rollup IS 'What happened in a minute, an hour or a day (UTC), in all and by one property at a time. Each message counts once, in the bucket of when it happened.';
COMMENT ON COLUMN activity.rollup.granularity IS 'How long the bucket is: minute, hour, day.';
COMMENT ON COLUMN activity.rollup.bucket IS 'Its beginning.';
COMMENT ON COLUMN activity.rollup.dimension IS 'What the row is counted by: all, activity, course, source, page_type.';
COMMENT ON COLUMN activity.rollup.value IS 'Which activity (ID of the catalogue, else the name as sent), course, source or type of page; empty for all.';
COMMENT ON COLUMN activity.rollup.events IS 'Events of any kind.';
COMMENT ON COLUMN activity.rollup.learners IS 'Different learners, exactly. Counted for all by minute, hour and day, and for courses by day; NULL elsewhere.';
COMMENT ON COLUMN activity.rollup.attempts IS 'Submitted problems.';
COMMENT ON COLUMN activity.rollup.solved IS 'Submitted problems whose answer was right.';
COMMENT ON COLUMN activity.rollup.orders IS 'Orders in the store.';
COMMENT ON COLUMN activity.rollup.clicks IS 'Clicks on resources: the sum of the events'' property.';

-- Active learners --------------------------------------------------------------------------------------------

-- One column as key, with the time in front: comparing 16 bytes costs half of comparing a time, a text and a uuid,
-- and what is written lies together. 96 bits tell the members of an hour apart: with a thousand million of them the
-- odds are one in ten thousand million that two are taken for one.
CREATE FUNCTION activity.rollup_member(span bigint, learner_key uuid) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (lpad(to_hex(span & 4294967295), 8, '0') || substr(replace(learner_key::text, '-', ''), 1, 24))::uuid;
COMMENT ON FUNCTION activity.rollup_member(bigint, uuid) IS 'Key of a learner in the set of an hour or a day, counted from 1970: 32 bits of it, then the first 96 of the learner''s.';

-- An hour's row has a bit for each of its minutes, so an active learner is one row an hour, not sixty.
CREATE TABLE activity.rollup_active_hour (
    member      uuid        PRIMARY KEY,
    learner_key uuid        NOT NULL,
    hour        timestamptz NOT NULL,
    minutes     bigint      NOT NULL,
    added       bigint      NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE activity.rollup_active_hour IS 'Which learners were active in which minutes of an hour.';
COMMENT ON COLUMN activity.rollup_active_hour.member IS 'activity.rollup_member() of the hours since 1970.';
COMMENT ON COLUMN activity.rollup_active_hour.learner_key IS 'Who.';
COMMENT ON COLUMN activity.rollup_active_hour.hour IS 'Its beginning.';
COMMENT ON COLUMN activity.rollup_active_hour.minutes IS 'Bit n: active in minute n.';
COMMENT ON COLUMN activity.rollup_active_hour.added IS 'The bits that came last; all of them: the row was new then. An INSERT … RETURNING shows by it what is to be counted.';

CREATE TABLE activity.rollup_active_day (
    member      uuid NOT NULL PRIMARY KEY,
    learner_key uuid NOT NULL,
    day         date NOT NULL,
    course_id   text NOT NULL
);
COMMENT ON TABLE activity.rollup_active_day IS 'Which learners were active on a day (UTC), in all and in which courses.';
COMMENT ON COLUMN activity.rollup_active_day.member IS 'activity.rollup_member() of the days since 1970; of a course, a hash of course and learner takes the learner''s place.';
COMMENT ON COLUMN activity.rollup_active_day.learner_key IS 'Who.';
COMMENT ON COLUMN activity.rollup_active_day.day IS 'When.';
COMMENT ON COLUMN activity.rollup_active_day.course_id IS 'In which course; empty: in any, or in none.';

-- Where the sets are gone, nobody can tell any more whether a learner was counted: nothing of before is counted by
-- minute, and no learner of before is.
CREATE TABLE activity.rollup_horizon (
    kept_from timestamptz NOT NULL
);
COMMENT ON TABLE activity.rollup_horizon IS 'One row once activity.drop_rollup_minutes_before() was called.';
COMMENT ON COLUMN activity.rollup_horizon.kept_from IS 'Minutes and sets before are gone, and don''t come back with late events. Hours and days still count these, but not their learners.';

CREATE FUNCTION activity.drop_rollup_minutes_before(day date) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept timestamptz := day::timestamp AT TIME ZONE 'UTC';
    hours bigint := extract(epoch FROM kept) / 3600;
    days bigint := extract(epoch FROM kept) / 86400;
    nobody uuid := '00000000-0000-0000-0000-000000000000';
    deleted bigint := 0;
    found_rows bigint;
BEGIN
    IF day NOT BETWEEN '1970-01-01' AND current_date THEN
        RAISE EXCEPTION 'only days of the past can be dropped, from 1970 on, and not those before %', day;
    END IF;
    -- Batches that run have looked at the old horizon: they end first, the next ones see the new one. They only read
    -- it, so they don't wait for each other.
    LOCK TABLE activity.rollup_horizon IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM activity.rollup_horizon) THEN
        UPDATE activity.rollup_horizon SET kept_from = greatest(kept_from, kept);
    ELSE
        INSERT INTO activity.rollup_horizon VALUES (kept);
    END IF;
    DELETE FROM activity.rollup WHERE granularity = 'minute' AND bucket < kept;
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    deleted := deleted + found_rows;
    DELETE FROM activity.rollup_active_hour WHERE member < activity.rollup_member(hours, nobody);
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    deleted := deleted + found_rows;
    DELETE FROM activity.rollup_active_day WHERE member < activity.rollup_member(days, nobody);
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    RETURN deleted + found_rows;
END
$$;
COMMENT ON FUNCTION activity.drop_rollup_minutes_before(date) IS 'Deletes the rows by minute of the days before (UTC), and the sets of learners of these days; hours and days stay. How many rows it deleted. The workers wait meanwhile.';

INSERT INTO activity.group_table VALUES
    ('rollups', 'rollup', NULL),
    ('rollups', 'rollup_active_hour', 'learner_key'),
    ('rollups', 'rollup_active_day', 'learner_key'),
    ('rollups', 'rollup_horizon', NULL);

-- Views ------------------------------------------------------------------------------------------------------

CREATE VIEW analytics.rollup AS
SELECT granularity, bucket, dimension, value, events, learners, attempts, solved, orders, clicks
FROM activity.rollup;
COMMENT ON VIEW analytics.rollup IS 'What happened in a minute, an hour or a day (UTC), in all and by one property at a time. Give granularity, a span of buckets and the dimension: an index answers that.';
COMMENT ON COLUMN analytics.rollup.granularity IS 'How long the bucket is: minute, hour, day.';
COMMENT ON COLUMN analytics.rollup.bucket IS 'Its beginning.';
COMMENT ON COLUMN analytics.rollup.dimension IS 'What the row is counted by: all, activity, course, source, page_type.';
COMMENT ON COLUMN analytics.rollup.value IS 'Which activity (ID of the catalogue, else the name as sent), course, source or type of page; empty for all.';
COMMENT ON COLUMN analytics.rollup.events IS 'Events of any kind.';
COMMENT ON COLUMN analytics.rollup.learners IS 'Different learners, exactly. For all by minute, hour and day, and for courses by day; NULL elsewhere. Not to be added up.';
COMMENT ON COLUMN analytics.rollup.attempts IS 'Submitted problems.';
COMMENT ON COLUMN analytics.rollup.solved IS 'Submitted problems whose answer was right.';
COMMENT ON COLUMN analytics.rollup.orders IS 'Orders in the store.';
COMMENT ON COLUMN analytics.rollup.clicks IS 'Clicks on resources.';

CREATE FUNCTION activity.rollup_live(dimension text, value text, minutes integer DEFAULT 60)
    RETURNS TABLE (minute timestamptz, events bigint, learners bigint, attempts bigint, solved bigint, orders bigint, clicks bigint)
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT of.minute, coalesce(r.events, 0), coalesce(r.learners, CASE WHEN $1 = 'all' THEN 0 END),
           coalesce(r.attempts, 0), coalesce(r.solved, 0), coalesce(r.orders, 0), coalesce(r.clicks, 0)
    FROM generate_series(date_trunc('minute', now()) - ($3 - 1) * interval '1 minute', date_trunc('minute', now()),
                         interval '1 minute') AS of (minute)
    LEFT JOIN LATERAL (
        SELECT * FROM activity.rollup AS r
        WHERE r.granularity = 'minute' AND r.bucket = of.minute AND r.dimension = $1 AND r.value = $2 LIMIT 1) AS r ON true
    ORDER BY of.minute;
END;
COMMENT ON FUNCTION activity.rollup_live(text, text, integer) IS 'The last minutes of one row of a dimension, oldest first, with a row for each minute in which nothing happened: ''all'', '''' or ''course'', ''algebra-1''.';

-- Rights -----------------------------------------------------------------------------------------------------

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA activity FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON activity.rollup, activity.rollup_active_hour TO activity_worker;
GRANT SELECT, INSERT ON activity.rollup_active_day TO activity_worker;
GRANT SELECT ON activity.rollup_horizon TO activity_worker;
GRANT EXECUTE ON FUNCTION activity.rollup_member(bigint, uuid) TO activity_worker;
GRANT EXECUTE ON FUNCTION activity.rollup_live(text, text, integer) TO activity_reader;

RESET ROLE;
