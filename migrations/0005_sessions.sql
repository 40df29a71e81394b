-- Sessions: runs of a learner's events with no more than 30 minutes between two of them.
-- What is stored is a function of the set of events alone: not of their order, not of how they were batched.

SET LOCAL ROLE activity_owner;

SELECT activity.create_group('sessions', 'Runs of a learner''s events with at most 30 minutes from one to the next.');

-- The row that workers who meet on one learner wait for, so it is written first, in the order of the keys.
-- It is updated with every batch that has the learner; a third of each page is left free, so that the new version
-- stays on the page, and no index changes.
CREATE TABLE activity.session_learner (
    learner_key uuid   NOT NULL PRIMARY KEY,
    sessions    bigint NOT NULL,
    events      bigint NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE activity.session_learner IS 'How many sessions and events each learner has. Its row is also the lock under which the learner''s sessions change.';
COMMENT ON COLUMN activity.session_learner.learner_key IS 'The learner: 128 bits of source and ID.';
COMMENT ON COLUMN activity.session_learner.sessions IS 'Rows of activity.session.';
COMMENT ON COLUMN activity.session_learner.events IS 'Events of all of them.';

CREATE TABLE activity.session (
    learner_key uuid        NOT NULL,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz NOT NULL,
    events      bigint      NOT NULL CHECK (events > 0),
    PRIMARY KEY (learner_key, started_at),
    CHECK (ended_at >= started_at)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE activity.session IS 'Sessions of each learner. Two events at most 30 minutes apart are of one session; two sessions of a learner are more than that apart.';
COMMENT ON COLUMN activity.session.learner_key IS 'The learner: 128 bits of source and ID.';
COMMENT ON COLUMN activity.session.started_at IS 'Its first event. An event that comes late may make it earlier.';
COMMENT ON COLUMN activity.session.ended_at IS 'Its last event so far.';
COMMENT ON COLUMN activity.session.events IS 'How many events it has.';

INSERT INTO activity.group_table (grp, relation, learner_column) VALUES
    ('sessions', 'session', 'learner_key'),
    ('sessions', 'session_learner', 'learner_key');

-- Rights -----------------------------------------------------------------------------------------------------

GRANT SELECT, INSERT, UPDATE ON activity.session_learner TO activity_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON activity.session TO activity_worker;

RESET ROLE;
