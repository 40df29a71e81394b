-- Two more columns to filter events by. They may be NULL and have no default, so nothing is rewritten; see 0002.

SET LOCAL ROLE activity_owner;

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

RESET ROLE;
