-- What the front door noticed about an event that it took all the same.
-- A column that may be NULL and has no default: no row is rewritten, the lock lasts for a moment. It comes last in
-- every partition too, so that create_partition() still moves rows as they are. Migrate before the workers that
-- write it are started; those that don't know it go on.

SET LOCAL ROLE activity_owner;

ALTER TABLE activity.event ADD COLUMN marks text[];
COMMENT ON COLUMN activity.event.marks IS 'What the front door noticed and let pass: schema_violation, time_out_of_window, message_id_made; NULL if nothing.';

COMMENT ON COLUMN activity.event.type IS 'Call of the tracking API: track, page, screen, identify, group, alias, merge.';

CREATE OR REPLACE VIEW analytics.event AS
SELECT coalesce(message_id, message_key::text) AS message_id,
       type, activity, user_id, anonymous_id, source, course_id, occurred_at, received_at, stored_at,
       properties::jsonb AS properties,
       context::jsonb AS context,
       marks
FROM activity.event;
COMMENT ON COLUMN analytics.event.marks IS 'What was noticed about it: schema_violation (properties are not as the catalogue says), time_out_of_window (its time is not to be believed), message_id_made (a repeat of it can''t be recognised); NULL if nothing.';

COMMENT ON COLUMN analytics.event.type IS 'track, page, screen, identify, group, alias or merge.';

RESET ROLE;
