-- What groups forget, and what a fresh start of one keeps.

SET LOCAL ROLE activity_owner;

-- A fresh start ------------------------------------------------------------------------------------------------

ALTER TABLE activity.group_table ADD COLUMN keeps text;
COMMENT ON COLUMN activity.group_table.keeps IS 'Condition of rows that a replay into an empty target leaves in the table; NULL: none.';
-- Nothing that is read again would make them anew: the profiles are gone.
UPDATE activity.group_table SET keeps = 'record_key IS NOT NULL' WHERE relation = 'profile_change';

-- Days are UTC's, whatever a session thinks ----------------------------------------------------------------------

DO $$
DECLARE
    known record;
BEGIN
    FOR known IN SELECT relation FROM activity.group_table WHERE relation = 'seen_' || grp ORDER BY relation LOOP
        EXECUTE format('ALTER TABLE activity.%I ALTER COLUMN seen_on SET DEFAULT (now() AT TIME ZONE ''UTC'')::date', known.relation);
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION activity.create_group(name text, meaning text) RETURNS void
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
        '    seen_on     date NOT NULL DEFAULT (now() AT TIME ZONE ''UTC'')::date,'
        '    PRIMARY KEY (message_key)'
        ') PARTITION BY RANGE (message_key);'
        'CREATE TABLE activity.%2$I PARTITION OF activity.%1$I FOR VALUES FROM (''ff000000-0000-0000-0000-000000000000'') TO (MAXVALUE);'
        'CREATE TABLE activity.%3$I PARTITION OF activity.%1$I DEFAULT;'
        'CREATE INDEX %4$I ON activity.%2$I USING brin (seen_on);'
        'GRANT SELECT, INSERT ON activity.%1$I TO activity_worker;'
        'COMMENT ON TABLE activity.%1$I IS ''The messages that this group has applied. Partitions as those of activity.event.'';'
        'COMMENT ON COLUMN activity.%1$I.message_key IS ''As in activity.event.'';'
        'COMMENT ON COLUMN activity.%1$I.seen_on IS ''When (a day of UTC''''s); for keys that tell no time.''',
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

-- A message is too old by the time in its key ----------------------------------------------------------------------

-- A worker refuses what is older than the boundary by the time in its key, where there is one. So a key with a time
-- must not be forgotten by anything else: one of a clock that runs ahead would be taken for new when it comes again.
CREATE OR REPLACE FUNCTION activity.drop_days_before(parent text, day date, old_rows text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old record;
    dropped bigint := 0;
    kept record;
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
    FOR kept IN
        SELECT * FROM (VALUES (parent || '_hashed', old_rows),
                              (parent || '_default', format('message_key < %L', activity.first_key(day)))) AS rest (relation, old)
    LOOP
        LOOP
            EXECUTE format(
                'DELETE FROM activity.%1$I WHERE ctid = ANY (ARRAY('
                'SELECT ctid FROM activity.%1$I WHERE %2$s LIMIT 10000))', kept.relation, kept.old);
            GET DIAGNOSTICS found_rows = ROW_COUNT;
            EXIT WHEN found_rows = 0;
        END LOOP;
    END LOOP;
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION activity.drop_days_before(text, date, text) IS 'Drops the older days'' partitions of a table that is partitioned by message key, and deletes the rows of its other two: those whose key tells an older day, and of those whose key tells no time the ones for which the condition holds. How many partitions it dropped.';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA activity FROM PUBLIC;

RESET ROLE;
