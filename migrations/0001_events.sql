-- The events, how far each worker group is, who may do what, and the first view for analysts.
-- One transaction; run by `activityctl migrate` as a role that owns the database and may create roles.

-- Roles belong to the whole server: another database of it may have made them, even just now.
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('activity_owner', 'Owns the schemas activity and analytics. Its members migrate and manage partitions.'),
            ('activity_worker', 'What activity-worker may do: insert events, move offsets, use temporary tables. No DDL, no deletes.'),
            ('activity_reader', 'What an analyst may do: read.')) AS role (name, meaning)
    LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted.name);
            EXECUTE format('COMMENT ON ROLE %I IS %L', wanted.name, wanted.meaning);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
    -- To make things that belong to activity_owner one must be a member of it.
    IF NOT pg_has_role(current_user, 'activity_owner', 'MEMBER') THEN
        EXECUTE format('GRANT activity_owner TO %I', current_user);
    END IF;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO activity_owner', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO activity_worker', current_database());
END
$$;

SET LOCAL ROLE activity_owner;

CREATE SCHEMA activity;
COMMENT ON SCHEMA activity IS 'Tables of the pipeline. They change with it: build on the views of the schema analytics instead.';
CREATE SCHEMA analytics;
COMMENT ON SCHEMA analytics IS 'Views for analysts. They stay as they are while tables change.';

-- Events -----------------------------------------------------------------------------------------------------

-- Partitioned by the key that makes an event unique, so that the primary key holds across all partitions, and a
-- day can still be dropped as a whole: most keys begin with their time. json, not jsonb: it is checked and kept
-- as it is, which costs a quarter less CPU per row (README.md has the numbers); the view gives jsonb.
CREATE TABLE activity.event (
    message_key  uuid        NOT NULL,
    message_id   text,
    type         text        NOT NULL,
    activity     text        NOT NULL,
    user_id      text,
    anonymous_id text,
    source       text        NOT NULL,
    course_id    text,
    occurred_at  timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    stored_at    timestamptz NOT NULL DEFAULT now(),
    properties   json        NOT NULL,
    context      json        NOT NULL,
    extra        json,
    PRIMARY KEY (message_key)
) PARTITION BY RANGE (message_key);
COMMENT ON TABLE activity.event IS 'One row a message ID: the event as it was first stored. Partitions: one a day (UTC) of the time in the key, event_hashed for keys without a time, event_default for days that nobody made a partition for.';
COMMENT ON COLUMN activity.event.message_key IS '128 bits made of the message ID alone: a UUIDv7 is itself, an ID with a time in it is that time and a hash, anything else is ff and a hash.';
COMMENT ON COLUMN activity.event.message_id IS 'As the client sent it; NULL when it is message_key in the usual lower-case form.';
COMMENT ON COLUMN activity.event.type IS 'Call of the tracking API: track, page, screen, identify, group, alias.';
COMMENT ON COLUMN activity.event.activity IS 'What the learner did: the name of a track event as sent, else the name of the call.';
COMMENT ON COLUMN activity.event.user_id IS 'Who, as the source names its users; NULL for somebody not signed in.';
COMMENT ON COLUMN activity.event.anonymous_id IS 'The device, as the source names it.';
COMMENT ON COLUMN activity.event.source IS 'Name of the source whose write key the event came with.';
COMMENT ON COLUMN activity.event.course_id IS 'courseId, course_id or course of the properties, else of the context; NULL without any.';
COMMENT ON COLUMN activity.event.occurred_at IS 'When it happened, by the server''s clock: the client''s time corrected by the skew of its clock.';
COMMENT ON COLUMN activity.event.received_at IS 'When the front door took it.';
COMMENT ON COLUMN activity.event.stored_at IS 'Start of the transaction that stored it.';
COMMENT ON COLUMN activity.event.properties IS 'Properties of the event, or the traits of identify and group.';
COMMENT ON COLUMN activity.event.context IS 'The context that the SDK sent: page, device, library, locale.';
COMMENT ON COLUMN activity.event.extra IS 'Every other member that the client sent; NULL if none.';

-- Time is what every question has. Rows arrive about in its order, so a block range index tells most of the table
-- apart for half a microsecond a row.
CREATE INDEX event_occurred_at ON activity.event USING brin (occurred_at) WITH (pages_per_range = 32);
COMMENT ON INDEX activity.event_occurred_at IS 'Spans of time of each run of 32 pages.';

CREATE TABLE activity.event_hashed PARTITION OF activity.event
    FOR VALUES FROM ('ff000000-0000-0000-0000-000000000000') TO (MAXVALUE);
COMMENT ON TABLE activity.event_hashed IS 'Events whose message ID tells no time. Their keys are spread evenly: the index is slow once it outgrows the cache.';
CREATE INDEX event_hashed_received_at ON activity.event_hashed USING brin (received_at) WITH (pages_per_range = 32);
COMMENT ON INDEX activity.event_hashed_received_at IS 'For activity.drop_partitions_before().';

CREATE TABLE activity.event_default PARTITION OF activity.event DEFAULT;
COMMENT ON TABLE activity.event_default IS 'Events of days without a partition. create_partition() moves them out.';

-- Partitions -------------------------------------------------------------------------------------------------

CREATE FUNCTION activity.first_key(day date) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN (lpad(to_hex((extract(epoch FROM day) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
COMMENT ON FUNCTION activity.first_key(date) IS 'The smallest message key with a time on that day (UTC): 48 bits of milliseconds since 1970, then zeros.';

CREATE FUNCTION activity.create_partition(day date) RETURNS boolean
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := 'event_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF day NOT BETWEEN '1970-01-01' AND '9999-12-31' THEN
        RAISE EXCEPTION 'a partition is for a day of the years 1970 to 9999, not for %', day;
    END IF;
    -- Only one at a time; inserts go on.
    LOCK TABLE activity.event IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass(format('activity.%I', name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE activity.%I (LIKE activity.event INCLUDING DEFAULTS INCLUDING COMMENTS INCLUDING INDEXES)', name);
    EXECUTE format('COMMENT ON TABLE activity.%I IS %L', name, 'Events with a key of ' || day || ' (UTC).');
    -- Events of that day may have come before its partition. Nobody can add one while they move.
    LOCK TABLE activity.event_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format(
        'WITH moved AS (DELETE FROM activity.event_default WHERE message_key >= %1$L AND message_key < %2$L RETURNING *) '
        'INSERT INTO activity.%3$I SELECT * FROM moved',
        activity.first_key(day), activity.first_key(day + 1), name);
    EXECUTE format('ALTER TABLE activity.event ATTACH PARTITION activity.%I FOR VALUES FROM (%L) TO (%L)',
        name, activity.first_key(day), activity.first_key(day + 1));
    RETURN true;
END
$$;
COMMENT ON FUNCTION activity.create_partition(date) IS 'Makes the partition of a day (UTC) and moves what event_default has of it. False if it was there. By any number at once.';

CREATE FUNCTION activity.drop_partitions_before(day date) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old record;
    dropped bigint := 0;
    limit_at timestamptz := day::timestamp AT TIME ZONE 'UTC';
    kept text;
    found_rows bigint;
BEGIN
    LOCK TABLE activity.event IN SHARE UPDATE EXCLUSIVE MODE;
    FOR old IN
        SELECT c.oid::regclass AS relation
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'activity.event'::regclass
          AND c.relname ~ '^event_[0-9]{8}$' AND to_date(substr(c.relname, 7), 'YYYYMMDD') < day
        ORDER BY c.relname
    LOOP
        EXECUTE format('DROP TABLE %s', old.relation);
        dropped := dropped + 1;
    END LOOP;
    -- What lies in no day's partition goes by the time of receipt, a few thousand rows at a time, so that no
    -- single statement sorts or holds them all.
    FOREACH kept IN ARRAY ARRAY['event_hashed', 'event_default'] LOOP
        LOOP
            EXECUTE format(
                'DELETE FROM activity.%1$I WHERE ctid = ANY (ARRAY('
                'SELECT ctid FROM activity.%1$I WHERE received_at < $1 LIMIT 10000))', kept) USING limit_at;
            GET DIAGNOSTICS found_rows = ROW_COUNT;
            EXIT WHEN found_rows = 0;
        END LOOP;
    END LOOP;
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION activity.drop_partitions_before(date) IS 'Drops the partitions of the days before (UTC), and deletes what event_hashed and event_default have received before. How many partitions it dropped.';

-- Offsets ----------------------------------------------------------------------------------------------------

-- Half of each page is left free, so that an update stays on its page and touches no index.
CREATE TABLE activity.part_offset (
    grp         text        NOT NULL,
    topic       text        NOT NULL,
    part        integer     NOT NULL CHECK (part >= 0),
    next_offset bigint      NOT NULL CHECK (next_offset >= 0),
    epoch       bigint      NOT NULL,
    owner       text        NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (grp, topic, part)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE activity.part_offset IS 'How far each worker group is in each partition of Kafka. A batch moves it in the transaction that applies the batch: this, not Kafka''s own offset, is the truth.';
COMMENT ON COLUMN activity.part_offset.grp IS 'Kafka''s ID of the group, as activity-records.';
COMMENT ON COLUMN activity.part_offset.topic IS 'Topic, with its prefix.';
COMMENT ON COLUMN activity.part_offset.part IS 'Partition of the topic.';
COMMENT ON COLUMN activity.part_offset.next_offset IS 'Offset of the first record that is not applied yet.';
COMMENT ON COLUMN activity.part_offset.epoch IS 'Counts the owners. A worker whose epoch is not the newest can''t commit.';
COMMENT ON COLUMN activity.part_offset.owner IS 'The worker that has the newest epoch: host, process, loop.';
COMMENT ON COLUMN activity.part_offset.updated_at IS 'When it last changed.';

-- Views ------------------------------------------------------------------------------------------------------

CREATE VIEW analytics.event AS
SELECT coalesce(message_id, message_key::text) AS message_id,
       type, activity, user_id, anonymous_id, source, course_id, occurred_at, received_at, stored_at,
       properties::jsonb AS properties,
       context::jsonb AS context
FROM activity.event;
COMMENT ON VIEW analytics.event IS 'Every event that was stored, each message ID once.';
COMMENT ON COLUMN analytics.event.message_id IS 'As the client sent it, or as the front door made it.';
COMMENT ON COLUMN analytics.event.type IS 'track, page, screen, identify, group or alias.';
COMMENT ON COLUMN analytics.event.activity IS 'What the learner did: the name of a track event as sent, else the name of the call.';
COMMENT ON COLUMN analytics.event.user_id IS 'Who, as the source names its users; NULL for somebody not signed in.';
COMMENT ON COLUMN analytics.event.anonymous_id IS 'The device, as the source names it.';
COMMENT ON COLUMN analytics.event.source IS 'Name of the source that sent it.';
COMMENT ON COLUMN analytics.event.course_id IS 'The course that properties or context name; NULL without any.';
COMMENT ON COLUMN analytics.event.occurred_at IS 'When it happened, corrected by the skew of the client''s clock.';
COMMENT ON COLUMN analytics.event.received_at IS 'When the front door took it.';
COMMENT ON COLUMN analytics.event.stored_at IS 'When it was stored.';
COMMENT ON COLUMN analytics.event.properties IS 'Properties of the event, or the traits of identify and group.';
COMMENT ON COLUMN analytics.event.context IS 'The context that the SDK sent: page, device, library, locale.';

-- Rights -----------------------------------------------------------------------------------------------------

REVOKE ALL ON SCHEMA activity, analytics FROM PUBLIC;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA activity FROM PUBLIC;
GRANT USAGE ON SCHEMA activity TO activity_worker, activity_reader;
GRANT USAGE ON SCHEMA analytics TO activity_reader;
GRANT SELECT, INSERT ON activity.event TO activity_worker;
GRANT SELECT, INSERT, UPDATE ON activity.part_offset TO activity_worker;
GRANT SELECT ON ALL TABLES IN SCHEMA activity, analytics TO activity_reader;
-- For what later migrations and create_partition() make.
ALTER DEFAULT PRIVILEGES IN SCHEMA activity GRANT SELECT ON TABLES TO activity_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA analytics GRANT SELECT ON TABLES TO activity_reader;
-- Not by schema: what PUBLIC may do by default can only be taken back for all schemas.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

RESET ROLE;
