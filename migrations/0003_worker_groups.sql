-- What all worker groups share: the set of messages that a group has seen, where its tables are, who was erased, and
-- what operators decided about dead letters and gaps. And two more columns of events.

SET LOCAL ROLE activity_owner;

-- Groups -----------------------------------------------------------------------------------------------------

CREATE TABLE activity.worker_group (
    name        text PRIMARY KEY CHECK (name ~ '^[a-z][a-z_]{0,40}$'),
    meaning     text NOT NULL,
    dedupe_from timestamptz
);
COMMENT ON TABLE activity.worker_group IS 'The worker groups that have tables here.';
COMMENT ON COLUMN activity.worker_group.name IS 'As activity-worker --group takes it; Kafka''s ID of the group is activity-<name>.';
COMMENT ON COLUMN activity.worker_group.meaning IS 'What the group does with the events.';
COMMENT ON COLUMN activity.worker_group.dedupe_from IS 'The group has forgotten which messages before this time it has seen: it applies none of them, they become dead letters. NULL: it has forgotten nothing.';

CREATE TABLE activity.group_table (
    grp            text NOT NULL REFERENCES activity.worker_group (name),
    relation       name NOT NULL,
    learner_column name,
    PRIMARY KEY (grp, relation)
);
COMMENT ON TABLE activity.group_table IS 'Which tables of this schema hold what a group made. An erasure, an export of what is known about a learner, and a replay into an empty target go by it.';
COMMENT ON COLUMN activity.group_table.grp IS 'The group.';
COMMENT ON COLUMN activity.group_table.relation IS 'A table of the schema activity.';
COMMENT ON COLUMN activity.group_table.learner_column IS 'Its column that holds a learner''s key (uuid): an erasure deletes these rows. NULL: the table holds aggregates, which an erasure keeps.';

CREATE FUNCTION activity.create_group(name text, meaning text) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seen text := 'seen_' || name;
    existing record;
BEGIN
    INSERT INTO activity.worker_group VALUES (name, meaning);
    INSERT INTO activity.group_table VALUES (name, seen);
    EXECUTE format(
        'CREATE TABLE activity.%1$I ('
        '    message_key uuid NOT NULL,'
        '    seen_on     date NOT NULL DEFAULT current_date,'
        '    PRIMARY KEY (message_key)'
        ') PARTITION BY RANGE (message_key);'
        'CREATE TABLE activity.%2$I PARTITION OF activity.%1$I FOR VALUES FROM (''ff000000-0000-0000-0000-000000000000'') TO (MAXVALUE);'
        'CREATE TABLE activity.%3$I PARTITION OF activity.%1$I DEFAULT;'
        'CREATE INDEX %4$I ON activity.%2$I USING brin (seen_on);'
        'GRANT SELECT, INSERT ON activity.%1$I TO activity_worker;'
        'COMMENT ON TABLE activity.%1$I IS ''The messages that this group has applied. Partitions as those of activity.event.'';'
        'COMMENT ON COLUMN activity.%1$I.message_key IS ''As in activity.event.'';'
        'COMMENT ON COLUMN activity.%1$I.seen_on IS ''When; for keys that tell no time.''',
        seen, seen || '_hashed', seen || '_default', seen || '_hashed_seen_on');
    -- The days that events have partitions for.
    FOR existing IN
        SELECT to_date(substr(c.relname, 7), 'YYYYMMDD') AS day
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'activity.event'::regclass AND c.relname ~ '^event_[0-9]{8}$'
        ORDER BY 1
    LOOP
        PERFORM activity.create_day_partition(seen, existing.day);
    END LOOP;
END
$$;
COMMENT ON FUNCTION activity.create_group(text, text) IS 'Registers a worker group and makes the set of messages that it has seen, activity.seen_<name>.';

-- Partitions -------------------------------------------------------------------------------------------------

CREATE FUNCTION activity.create_day_partition(parent text, day date) RETURNS boolean
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := parent || '_' || to_char(day, 'YYYYMMDD');
BEGIN
    -- Only one at a time; inserts go on.
    EXECUTE format('LOCK TABLE activity.%I IN SHARE UPDATE EXCLUSIVE MODE', parent);
    IF to_regclass(format('activity.%I', name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE activity.%I (LIKE activity.%I INCLUDING DEFAULTS INCLUDING COMMENTS INCLUDING INDEXES)', name, parent);
    EXECUTE format('COMMENT ON TABLE activity.%I IS %L', name, 'Messages with a key of ' || day || ' (UTC).');
    -- Some of that day may have come before its partition. Nobody can add one while they move.
    EXECUTE format('LOCK TABLE activity.%I IN ACCESS EXCLUSIVE MODE', parent || '_default');
    EXECUTE format(
        'WITH moved AS (DELETE FROM activity.%4$I WHERE message_key >= %1$L AND message_key < %2$L RETURNING *) '
        'INSERT INTO activity.%3$I SELECT * FROM moved',
        activity.first_key(day), activity.first_key(day + 1), name, parent || '_default');
    EXECUTE format('ALTER TABLE activity.%I ATTACH PARTITION activity.%I FOR VALUES FROM (%L) TO (%L)',
        parent, name, activity.first_key(day), activity.first_key(day + 1));
    RETURN true;
END
$$;
COMMENT ON FUNCTION activity.create_day_partition(text, date) IS 'Makes a day''s partition of a table that is partitioned by message key, and moves what its default partition has of it. False if it was there.';

CREATE OR REPLACE FUNCTION activity.create_partition(day date) RETURNS boolean
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made boolean;
    known record;
BEGIN
    IF day NOT BETWEEN '1970-01-01' AND '9999-12-31' THEN
        RAISE EXCEPTION 'a partition is for a day of the years 1970 to 9999, not for %', day;
    END IF;
    made := activity.create_day_partition('event', day);
    FOR known IN SELECT relation FROM activity.group_table WHERE relation = 'seen_' || grp ORDER BY relation LOOP
        made := activity.create_day_partition(known.relation, day) OR made;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION activity.create_partition(date) IS 'Makes the partitions of a day (UTC), of events and of the groups'' sets of seen messages. False if all were there. By any number at once.';

CREATE FUNCTION activity.drop_days_before(parent text, day date, old_rows text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old record;
    dropped bigint := 0;
    kept text;
    found_rows bigint;
BEGIN
    EXECUTE format('LOCK TABLE activity.%I IN SHARE UPDATE EXCLUSIVE MODE', parent);
    FOR old IN
        SELECT c.oid::regclass AS relation
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = to_regclass(format('activity.%I', parent))
          AND c.relname ~ ('^' || parent || '_[0-9]{8}$')
          AND to_date(substr(c.relname, length(parent) + 2), 'YYYYMMDD') < day
        ORDER BY c.relname
    LOOP
        EXECUTE format('DROP TABLE %s', old.relation);
        dropped := dropped + 1;
    END LOOP;
    -- What lies in no day's partition goes a few thousand rows at a time, so that no single statement sorts or holds
    -- them all.
    FOREACH kept IN ARRAY ARRAY[parent || '_hashed', parent || '_default'] LOOP
        LOOP
            EXECUTE format(
                'DELETE FROM activity.%1$I WHERE ctid = ANY (ARRAY('
                'SELECT ctid FROM activity.%1$I WHERE %2$s LIMIT 10000))', kept, old_rows);
            GET DIAGNOSTICS found_rows = ROW_COUNT;
            EXIT WHEN found_rows = 0;
        END LOOP;
    END LOOP;
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION activity.drop_days_before(text, date, text) IS 'Drops the older days'' partitions of a table that is partitioned by message key, and deletes the rows of its other two for which the condition holds. How many partitions it dropped.';

-- The boundary moves in the transaction that drops. A worker looks at it behind its own inserts: either these came
-- before the drop, which then waited for them, or the worker sees where the boundary is now.
CREATE FUNCTION activity.forget_before(grp text, day date) RETURNS void
    LANGUAGE sql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE activity.worker_group SET dedupe_from = greatest(dedupe_from, day::timestamp AT TIME ZONE 'UTC') WHERE name = grp;
END;
COMMENT ON FUNCTION activity.forget_before(text, date) IS 'Writes down that a group no longer knows what it has seen before a day (UTC).';

CREATE OR REPLACE FUNCTION activity.drop_partitions_before(day date) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM activity.forget_before('records', day);
    RETURN activity.drop_days_before('event', day,
        format('received_at < %L', day::timestamp AT TIME ZONE 'UTC'));
END
$$;

CREATE FUNCTION activity.drop_seen_before(day date) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known record;
    dropped bigint := 0;
BEGIN
    FOR known IN SELECT grp, relation FROM activity.group_table WHERE relation = 'seen_' || grp ORDER BY relation LOOP
        PERFORM activity.forget_before(known.grp, day);
        dropped := dropped + activity.drop_days_before(known.relation, day, format('seen_on < %L', day));
    END LOOP;
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION activity.drop_seen_before(date) IS 'Makes the groups forget which messages before a day (UTC) they have seen; older ones that come again become dead letters. How many partitions it dropped.';

INSERT INTO activity.worker_group VALUES ('records', 'Every event as a row of activity.event.');
INSERT INTO activity.group_table VALUES ('records', 'event');

-- Erasure ----------------------------------------------------------------------------------------------------

CREATE TABLE activity.erased (
    learner_key uuid PRIMARY KEY,
    erased_at   timestamptz NOT NULL
);
COMMENT ON TABLE activity.erased IS 'Tombstones of learners: no group applies an event of theirs that was received up to that time, however often it is read again.';
COMMENT ON COLUMN activity.erased.learner_key IS 'Hash of source and learner: says nothing about who it was to somebody who does not know already.';
COMMENT ON COLUMN activity.erased.erased_at IS 'What was received later belongs to somebody who came (back) later.';

-- What operators decided -------------------------------------------------------------------------------------

CREATE TABLE activity.dead_letter_done (
    topic         text        NOT NULL,
    part          integer     NOT NULL,
    record_offset bigint      NOT NULL,
    state         text        NOT NULL CHECK (state IN ('replayed', 'discarded')),
    note          text        NOT NULL DEFAULT '',
    done_by       text        NOT NULL DEFAULT session_user,
    done_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, part, record_offset)
);
COMMENT ON TABLE activity.dead_letter_done IS 'Dead letters that somebody has dealt with. Kafka keeps the letters themselves.';
COMMENT ON COLUMN activity.dead_letter_done.topic IS 'Dead-letter topic, with its prefix.';
COMMENT ON COLUMN activity.dead_letter_done.part IS 'Partition of it.';
COMMENT ON COLUMN activity.dead_letter_done.record_offset IS 'Offset of the letter in it.';
COMMENT ON COLUMN activity.dead_letter_done.state IS 'replayed: given to its group again; discarded: not wanted.';
COMMENT ON COLUMN activity.dead_letter_done.note IS 'Why.';
COMMENT ON COLUMN activity.dead_letter_done.done_by IS 'Who.';
COMMENT ON COLUMN activity.dead_letter_done.done_at IS 'When.';

CREATE TABLE activity.accepted_gap (
    grp         text        NOT NULL,
    topic       text        NOT NULL,
    part        integer     NOT NULL,
    from_offset bigint      NOT NULL,
    to_offset   bigint      NOT NULL,
    note        text        NOT NULL,
    accepted_by text        NOT NULL DEFAULT session_user,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (grp, topic, part, from_offset, accepted_at)
);
COMMENT ON TABLE activity.accepted_gap IS 'Records that were gone from Kafka before a group had applied them, and who decided to go on without them.';
COMMENT ON COLUMN activity.accepted_gap.grp IS 'Kafka''s ID of the group.';
COMMENT ON COLUMN activity.accepted_gap.topic IS 'Topic, with its prefix.';
COMMENT ON COLUMN activity.accepted_gap.part IS 'Partition of the topic.';
COMMENT ON COLUMN activity.accepted_gap.from_offset IS 'Where the group stood.';
COMMENT ON COLUMN activity.accepted_gap.to_offset IS 'Where it goes on.';
COMMENT ON COLUMN activity.accepted_gap.note IS 'Why.';
COMMENT ON COLUMN activity.accepted_gap.accepted_by IS 'Who.';
COMMENT ON COLUMN activity.accepted_gap.accepted_at IS 'When.';

-- Events -----------------------------------------------------------------------------------------------------

-- Two more columns to filter by. They may be NULL and have no default, so nothing is rewritten.
ALTER TABLE activity.event ADD COLUMN device text, ADD COLUMN country text;
COMMENT ON COLUMN activity.event.device IS 'Kind of device: context.device.type, or kind of a Device Used event; NULL if not said.';
COMMENT ON COLUMN activity.event.country IS 'context.location.country, or country of a Location Updated event; NULL if not said.';

CREATE OR REPLACE VIEW analytics.event AS
SELECT coalesce(message_id, message_key::text) AS message_id,
       type, activity, user_id, anonymous_id, source, course_id, occurred_at, received_at, stored_at,
       properties::jsonb AS properties,
       context::jsonb AS context,
       marks,
       device, country
FROM activity.event;
COMMENT ON COLUMN analytics.event.device IS 'Kind of device, as the client names it: phone, desktop, …; NULL if not said.';
COMMENT ON COLUMN analytics.event.country IS 'Country, as the client names it; NULL if not said.';

-- Rights -----------------------------------------------------------------------------------------------------

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA activity FROM PUBLIC;
GRANT SELECT ON activity.worker_group, activity.erased TO activity_worker;

RESET ROLE;
