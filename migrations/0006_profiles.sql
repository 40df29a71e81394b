-- Profiles: one row a learner, what each did on each day, and which profiles other systems have not heard of yet.
-- Whatever order events come in, the rows are the same: sums, LEAST, GREATEST, and "the newest wins" by time and key.

SET LOCAL ROLE activity_owner;

SELECT activity.create_group('profiles', 'What is known about each learner; published to the compacted topic profiles.');

-- The profile ------------------------------------------------------------------------------------------------

-- Its row is written first, in the order of the keys: whoever has it may write the rest of that learner. A part of
-- each page is left free, so that an update stays on its page; no column that changes is in an index.
CREATE TABLE activity.profile (
    learner_key    uuid        NOT NULL PRIMARY KEY,
    first_seen_at  timestamptz NOT NULL,
    last_seen_at   timestamptz NOT NULL,
    events         bigint      NOT NULL,
    attempts       bigint      NOT NULL,
    solved         bigint      NOT NULL,
    device_at      timestamptz,
    device_event   uuid,
    location_at    timestamptz,
    location_event uuid,
    source         text        NOT NULL,
    user_id        text,
    anonymous_id   text,
    device         jsonb,
    country        text,
    region         text,
    CHECK (user_id IS NOT NULL OR anonymous_id IS NOT NULL)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE activity.profile IS 'What is known about each learner. A function of the set of the learner''s events, not of their order.';
COMMENT ON COLUMN activity.profile.learner_key IS 'The learner: 128 bits of source and ID.';
COMMENT ON COLUMN activity.profile.first_seen_at IS 'The first event.';
COMMENT ON COLUMN activity.profile.last_seen_at IS 'The last event.';
COMMENT ON COLUMN activity.profile.events IS 'How many events.';
COMMENT ON COLUMN activity.profile.attempts IS 'Of them, answers to problems.';
COMMENT ON COLUMN activity.profile.solved IS 'Of these, right ones.';
COMMENT ON COLUMN activity.profile.device_at IS 'When `device` was told.';
COMMENT ON COLUMN activity.profile.device_event IS 'Message key of that event: of two at the same time the larger key wins.';
COMMENT ON COLUMN activity.profile.location_at IS 'When country and region were told.';
COMMENT ON COLUMN activity.profile.location_event IS 'Message key of that event, as for the device.';
COMMENT ON COLUMN activity.profile.source IS 'Name of the source that knows the learner.';
COMMENT ON COLUMN activity.profile.user_id IS 'The learner''s ID, if any event came under it as a user''s.';
COMMENT ON COLUMN activity.profile.anonymous_id IS 'The learner''s ID, if any event came under it as somebody''s who is not signed in.';
COMMENT ON COLUMN activity.profile.device IS 'kind, os and browser of the newest event that tells the device. No ID of the device.';
COMMENT ON COLUMN activity.profile.country IS 'ISO 3166-1 alpha-2, of the newest event that tells where the learner is.';
COMMENT ON COLUMN activity.profile.region IS 'Of the same event. Nothing finer is kept.';

CREATE VIEW activity.learner AS
SELECT learner_key, source, user_id, anonymous_id, first_seen_at FROM activity.profile;
COMMENT ON VIEW activity.learner IS 'Who a learner''s key is.';
COMMENT ON COLUMN activity.learner.learner_key IS 'The learner: 128 bits of source and ID.';
COMMENT ON COLUMN activity.learner.source IS 'Name of the source that knows the learner.';
COMMENT ON COLUMN activity.learner.user_id IS 'The learner''s ID, if any event came under it as a user''s.';
COMMENT ON COLUMN activity.learner.anonymous_id IS 'The learner''s ID, if any event came under it as somebody''s who is not signed in.';
COMMENT ON COLUMN activity.learner.first_seen_at IS 'The first event.';

-- Names of activities are compared as bytes: that costs a third of what the rules of a language do.
CREATE TABLE activity.learner_day (
    learner_key uuid             NOT NULL,
    day         date             NOT NULL,
    activity    text COLLATE "C" NOT NULL,
    events      bigint           NOT NULL,
    attempts    bigint           NOT NULL,
    solved      bigint           NOT NULL,
    clicks      bigint           NOT NULL,
    PRIMARY KEY (learner_key, day, activity)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE activity.learner_day IS 'What each learner did on each day (UTC).';
COMMENT ON COLUMN activity.learner_day.learner_key IS 'The learner: 128 bits of source and ID.';
COMMENT ON COLUMN activity.learner_day.day IS 'Day (UTC) on which it happened.';
COMMENT ON COLUMN activity.learner_day.activity IS 'The catalogue''s ID of the activity; the name as sent if the catalogue has none.';
COMMENT ON COLUMN activity.learner_day.events IS 'How often.';
COMMENT ON COLUMN activity.learner_day.attempts IS 'Answers to problems.';
COMMENT ON COLUMN activity.learner_day.solved IS 'Of these, right ones.';
COMMENT ON COLUMN activity.learner_day.clicks IS 'Sum of the property `clicks`.';

-- The outbox -------------------------------------------------------------------------------------------------

-- A set, not a queue: however often a profile changes before it is sent, it is sent once, as it is then.
-- changed_at stays when the row is updated: it is the oldest change that nobody was told of. So the index does not
-- change with each batch, and a learner who never rests is not put off for ever.
CREATE SEQUENCE activity.profile_version;
COMMENT ON SEQUENCE activity.profile_version IS 'Versions of activity.profile_change: no two are equal, also if a row was deleted and made again.';

CREATE TABLE activity.profile_change (
    learner_key uuid        NOT NULL PRIMARY KEY,
    version     bigint      NOT NULL DEFAULT nextval('activity.profile_version'),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    record_key  text
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX profile_change_changed_at ON activity.profile_change (changed_at);
COMMENT ON TABLE activity.profile_change IS 'Learners whose profile has changed since it was last published: the outbox of the topic profiles. Written in the transaction that changes the profile.';
COMMENT ON COLUMN activity.profile_change.learner_key IS 'The learner: 128 bits of source and ID.';
COMMENT ON COLUMN activity.profile_change.version IS 'Another one with every change. What is published under one version does not tick off another.';
COMMENT ON COLUMN activity.profile_change.changed_at IS 'The first change that is not published yet.';
COMMENT ON COLUMN activity.profile_change.record_key IS 'Key of the record that tells that the profile is gone; NULL while there is one, which tells the key itself.';
COMMENT ON INDEX activity.profile_change_changed_at IS 'What is to be published next.';

CREATE FUNCTION activity.profile_gone() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO activity.profile_change AS c (learner_key, record_key)
    VALUES (old.learner_key, old.source || '/' || coalesce(old.user_id, old.anonymous_id))
    ON CONFLICT (learner_key) DO UPDATE SET version = excluded.version, record_key = excluded.record_key;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION activity.profile_gone() IS 'Whoever deletes a profile has its tombstone published.';

CREATE TRIGGER profile_gone AFTER DELETE ON activity.profile
    FOR EACH ROW EXECUTE FUNCTION activity.profile_gone();
COMMENT ON TRIGGER profile_gone ON activity.profile IS 'Marks the learner for a tombstone.';

-- The document -----------------------------------------------------------------------------------------------

CREATE FUNCTION activity.streak_days(learner_key uuid, today date) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE run (day) AS (
        (SELECT d.day FROM activity.learner_day AS d
         WHERE d.learner_key = streak_days.learner_key AND d.day BETWEEN today - 1 AND today
         ORDER BY d.day DESC LIMIT 1)
        UNION ALL
        SELECT run.day - 1 FROM run
        WHERE EXISTS (SELECT FROM activity.learner_day AS d
                      WHERE d.learner_key = streak_days.learner_key AND d.day = run.day - 1)
    )
    SELECT count(*) FROM run;
END;
COMMENT ON FUNCTION activity.streak_days(uuid, date) IS 'Days in a row (UTC) on which the learner did anything, up to today, or up to yesterday if there is nothing of today yet. One look into an index for each of them.';

CREATE FUNCTION activity.profile_activities(learner_key uuid, today date,
        OUT days1 bigint, OUT days7 bigint, OUT days30 bigint, OUT by_activity json)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH counted AS (
        SELECT d.activity,
               coalesce(sum(d.events) FILTER (WHERE d.day = today), 0)::bigint AS days1,
               coalesce(sum(d.events) FILTER (WHERE d.day > today - 7), 0)::bigint AS days7,
               sum(d.events)::bigint AS days30
        FROM activity.learner_day AS d
        WHERE d.learner_key = profile_activities.learner_key AND d.day > today - 30 AND d.day <= today
        GROUP BY d.activity)
    SELECT coalesce(sum(c.days1), 0)::bigint, coalesce(sum(c.days7), 0)::bigint, coalesce(sum(c.days30), 0)::bigint,
           coalesce((SELECT json_object_agg(m.activity, json_build_object('days1', m.days1, 'days7', m.days7, 'days30', m.days30)
                                            ORDER BY m.activity)
                     FROM (SELECT * FROM counted ORDER BY counted.days30 DESC, counted.activity LIMIT 100) AS m), '{}')
    FROM counted AS c;
END;
COMMENT ON FUNCTION activity.profile_activities(uuid, date) IS 'How many events the learner has had today, and in the 7 and the 30 days (UTC) that end today; all, and by activity. Of the activities the 100 most frequent: names come from clients, and a document must have an end.';

CREATE FUNCTION activity.utc_text(at timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
COMMENT ON FUNCTION activity.utc_text(timestamptz) IS 'A time as documents have it, whatever the session''s time zone is.';

CREATE FUNCTION activity.profile_document(learner_keys uuid[], as_of timestamptz)
    RETURNS TABLE (learner_key uuid, document json)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.learner_key,
           json_build_object(
               'source', p.source,
               'userId', p.user_id,
               'anonymousId', p.anonymous_id,
               'asOf', activity.utc_text(as_of),
               'firstSeenAt', activity.utc_text(p.first_seen_at),
               'lastSeenAt', activity.utc_text(p.last_seen_at),
               'events', p.events,
               'days1', recent.days1,
               'days7', recent.days7,
               'days30', recent.days30,
               'activities', recent.by_activity,
               'streakDays', activity.streak_days(p.learner_key, (as_of AT TIME ZONE 'UTC')::date),
               'attempts', p.attempts,
               'solved', p.solved,
               'successRate', round(p.solved::numeric / nullif(p.attempts, 0), 4),
               'sessions', coalesce((SELECT l.sessions FROM activity.session_learner AS l
                                     WHERE l.learner_key = p.learner_key), 0),
               'device', p.device,
               'country', p.country,
               'region', p.region)
    FROM (SELECT DISTINCT wanted.key FROM unnest(learner_keys) AS wanted (key)) AS wanted
    CROSS JOIN LATERAL (SELECT * FROM activity.profile AS p WHERE p.learner_key = wanted.key LIMIT 1) AS p
    CROSS JOIN LATERAL activity.profile_activities(p.learner_key, (as_of AT TIME ZONE 'UTC')::date) AS recent;
END;
COMMENT ON FUNCTION activity.profile_document(uuid[], timestamptz) IS 'The profiles of these learners as the topic has them; none for a learner without a profile. Windows and streak end on the day (UTC) of as_of.';

CREATE VIEW analytics.profile AS
SELECT p.learner_key, p.source, p.user_id, p.anonymous_id, p.first_seen_at, p.last_seen_at,
       p.events, recent.days1 AS events_1_day, recent.days7 AS events_7_days, recent.days30 AS events_30_days,
       recent.by_activity::jsonb AS activities,
       activity.streak_days(p.learner_key, (now() AT TIME ZONE 'UTC')::date) AS streak_days,
       p.attempts, p.solved, round(p.solved::numeric / nullif(p.attempts, 0), 4) AS success_rate,
       coalesce((SELECT l.sessions FROM activity.session_learner AS l WHERE l.learner_key = p.learner_key), 0) AS sessions,
       p.device, p.device_at, p.country, p.region, p.location_at
FROM activity.profile AS p
CROSS JOIN LATERAL activity.profile_activities(p.learner_key, (now() AT TIME ZONE 'UTC')::date) AS recent;
COMMENT ON VIEW analytics.profile IS 'One row a learner, as of now.';
COMMENT ON COLUMN analytics.profile.learner_key IS 'The learner: 128 bits of source and ID. The quick way to one learner.';
COMMENT ON COLUMN analytics.profile.source IS 'Name of the source that knows the learner.';
COMMENT ON COLUMN analytics.profile.user_id IS 'The learner''s ID, if any event came under it as a user''s.';
COMMENT ON COLUMN analytics.profile.anonymous_id IS 'The learner''s ID, if any event came under it as somebody''s who is not signed in.';
COMMENT ON COLUMN analytics.profile.first_seen_at IS 'The first event.';
COMMENT ON COLUMN analytics.profile.last_seen_at IS 'The last event.';
COMMENT ON COLUMN analytics.profile.events IS 'How many events.';
COMMENT ON COLUMN analytics.profile.events_1_day IS 'Of them, those of today (UTC).';
COMMENT ON COLUMN analytics.profile.events_7_days IS 'Those of the 7 days that end today.';
COMMENT ON COLUMN analytics.profile.events_30_days IS 'Those of the 30 days that end today.';
COMMENT ON COLUMN analytics.profile.activities IS 'The same by activity: {"problem_submitted": {"days1": 2, "days7": 9, "days30": 9}}.';
COMMENT ON COLUMN analytics.profile.streak_days IS 'Days in a row with any event, up to today or yesterday.';
COMMENT ON COLUMN analytics.profile.attempts IS 'Answers to problems.';
COMMENT ON COLUMN analytics.profile.solved IS 'Of these, right ones.';
COMMENT ON COLUMN analytics.profile.success_rate IS 'solved / attempts; NULL without any.';
COMMENT ON COLUMN analytics.profile.sessions IS 'Sessions of the learner, as far as the group sessions has come.';
COMMENT ON COLUMN analytics.profile.device IS 'kind, os and browser that were told last.';
COMMENT ON COLUMN analytics.profile.device_at IS 'When.';
COMMENT ON COLUMN analytics.profile.country IS 'ISO 3166-1 alpha-2; the last that was told.';
COMMENT ON COLUMN analytics.profile.region IS 'Of the same event.';
COMMENT ON COLUMN analytics.profile.location_at IS 'When.';

-- The outbox has no learner column: an erasure must leave the tombstone that it has made.
INSERT INTO activity.group_table (grp, relation, learner_column) VALUES
    ('profiles', 'profile', 'learner_key'),
    ('profiles', 'learner_day', 'learner_key'),
    ('profiles', 'profile_change', NULL);

-- Rights -----------------------------------------------------------------------------------------------------

GRANT SELECT, INSERT, UPDATE ON activity.profile, activity.learner_day TO activity_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON activity.profile_change TO activity_worker;
GRANT USAGE ON SEQUENCE activity.profile_version TO activity_worker;
GRANT SELECT ON activity.learner TO activity_worker;
-- New functions are nobody's but the owner's where 0001 has changed the defaults; say it all the same.
REVOKE EXECUTE ON FUNCTION activity.streak_days(uuid, date), activity.profile_activities(uuid, date),
    activity.utc_text(timestamptz), activity.profile_document(uuid[], timestamptz), activity.profile_gone() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION activity.streak_days(uuid, date), activity.profile_activities(uuid, date),
    activity.utc_text(timestamptz), activity.profile_document(uuid[], timestamptz) TO activity_worker, activity_reader;

RESET ROLE;
