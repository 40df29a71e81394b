-- Points of learners by course, and ranks.

SET LOCAL ROLE activity_owner;

SELECT activity.create_group('leaderboard', 'Points per learner and course, by the rules of a file.');

-- What counts once per item: the key is what makes the second time count nothing.
CREATE TABLE activity.award (
    learner_key uuid             NOT NULL,
    rule        text COLLATE "C" NOT NULL,
    item        text COLLATE "C" NOT NULL,
    course_id   text COLLATE "C" NOT NULL,
    points      bigint           NOT NULL,
    PRIMARY KEY (learner_key, rule, item)
);
COMMENT ON TABLE activity.award IS 'Points that a learner got once for an item, as for a problem solved.';
COMMENT ON COLUMN activity.award.learner_key IS 'Who.';
COMMENT ON COLUMN activity.award.rule IS 'Name of the rule.';
COMMENT ON COLUMN activity.award.item IS 'What for: the ID that the rule''s property held.';
COMMENT ON COLUMN activity.award.course_id IS 'In which course; empty: in none.';
COMMENT ON COLUMN activity.award.points IS 'As the rule said then.';

-- The learner comes first in the key: 16 bytes decide almost every comparison, and an erasure finds its rows.
CREATE TABLE activity.leaderboard (
    learner_key uuid             NOT NULL,
    course_id   text COLLATE "C" NOT NULL,
    points      bigint           NOT NULL CHECK (points > 0),
    added       bigint           NOT NULL,
    PRIMARY KEY (learner_key, course_id)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE activity.leaderboard IS 'Points of learners, by course and in all.';
COMMENT ON COLUMN activity.leaderboard.learner_key IS 'Who.';
COMMENT ON COLUMN activity.leaderboard.course_id IS 'In which course; empty: in all courses together.';
COMMENT ON COLUMN activity.leaderboard.points IS 'How many.';
COMMENT ON COLUMN activity.leaderboard.added IS 'How many of them came last; all of them: the row was new then. An INSERT … RETURNING shows by it where the learner stood before.';
CREATE INDEX leaderboard_points ON activity.leaderboard (course_id, points DESC, learner_key);
COMMENT ON INDEX activity.leaderboard_points IS 'The best of a course.';

-- A rank is the number of learners with more points. Counting them row by row takes 100 ms at a million; so they are
-- counted here by points, and once more by thousands of points: a rank reads a thousand rows of each at most, as
-- long as nobody has a million points.
CREATE TABLE activity.leaderboard_count (
    course_id text COLLATE "C" NOT NULL,
    width     integer          NOT NULL CHECK (width IN (1, 1000)),
    points    bigint           NOT NULL,
    learners  bigint           NOT NULL,
    PRIMARY KEY (course_id, width, points)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE activity.leaderboard_count IS 'How many learners of a course have how many points.';
COMMENT ON COLUMN activity.leaderboard_count.course_id IS 'As in activity.leaderboard.';
COMMENT ON COLUMN activity.leaderboard_count.width IS '1: learners with these points; 1000: with these, or up to 999 more.';
COMMENT ON COLUMN activity.leaderboard_count.points IS 'A multiple of width.';
COMMENT ON COLUMN activity.leaderboard_count.learners IS 'How many; 0 where all of them have got more.';

INSERT INTO activity.group_table VALUES
    ('leaderboard', 'award', 'learner_key'),
    ('leaderboard', 'leaderboard', 'learner_key'),
    ('leaderboard', 'leaderboard_count', NULL);

-- Whoever deletes rows, as an erasure does, need not know of the counts. Inserts and updates are the worker's, which
-- counts both in one statement and in one order (as two triggers could not).
CREATE FUNCTION activity.uncount_leaderboard() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    left_count record;
BEGIN
    FOR left_count IN
        SELECT course_id, width, points / width * width AS points, count(*) AS learners
        FROM gone CROSS JOIN (VALUES (1), (1000)) AS of (width)
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    LOOP
        UPDATE activity.leaderboard_count AS c SET learners = c.learners - left_count.learners
        WHERE (c.course_id, c.width, c.points) = (left_count.course_id, left_count.width, left_count.points);
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION activity.uncount_leaderboard() IS 'Takes deleted rows of activity.leaderboard out of activity.leaderboard_count.';
CREATE TRIGGER uncount AFTER DELETE ON activity.leaderboard
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION activity.uncount_leaderboard();

-- Reading ----------------------------------------------------------------------------------------------------

CREATE FUNCTION activity.leaderboard_rank(course text, learner_key uuid) RETURNS bigint
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 1 + (SELECT coalesce(sum(c.learners), 0)::bigint FROM activity.leaderboard_count AS c
                WHERE c.course_id = $1 AND c.width = 1000 AND c.points > l.points / 1000 * 1000)
             + (SELECT coalesce(sum(c.learners), 0)::bigint FROM activity.leaderboard_count AS c
                WHERE c.course_id = $1 AND c.width = 1 AND c.points > l.points AND c.points < l.points / 1000 * 1000 + 1000)
    FROM activity.leaderboard AS l
    WHERE l.learner_key = $2 AND l.course_id = $1;
END;
COMMENT ON FUNCTION activity.leaderboard_rank(text, uuid) IS 'A learner''s rank in a course ('''': in all): 1 and the number of learners with more points; NULL without points.';

CREATE FUNCTION activity.leaderboard_top(course text, count integer DEFAULT 100)
    RETURNS TABLE (rank bigint, learner_key uuid, points bigint)
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT rank() OVER (ORDER BY best.points DESC), best.learner_key, best.points
    FROM (SELECT l.learner_key, l.points FROM activity.leaderboard AS l
          WHERE l.course_id = $1 ORDER BY l.points DESC, l.learner_key LIMIT $2) AS best
    ORDER BY best.points DESC, best.learner_key;
END;
COMMENT ON FUNCTION activity.leaderboard_top(text, integer) IS 'The best of a course ('''': of all), those with the same points at the same rank.';

CREATE VIEW analytics.leaderboard AS
SELECT course_id, learner_key, points, activity.leaderboard_rank(course_id, learner_key) AS rank
FROM activity.leaderboard;
COMMENT ON VIEW analytics.leaderboard IS 'Points of learners, by course and in all. For the best of a course: WHERE course_id = … ORDER BY points DESC LIMIT n, which an index answers.';
COMMENT ON COLUMN analytics.leaderboard.course_id IS 'In which course; empty: in all courses together.';
COMMENT ON COLUMN analytics.leaderboard.learner_key IS 'Who.';
COMMENT ON COLUMN analytics.leaderboard.points IS 'How many.';
COMMENT ON COLUMN analytics.leaderboard.rank IS '1 and the number of learners with more points. Computed row by row: ask for it where you ask for few.';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA activity FROM PUBLIC;
GRANT SELECT, INSERT ON activity.award TO activity_worker;
GRANT SELECT, INSERT, UPDATE ON activity.leaderboard, activity.leaderboard_count TO activity_worker;
GRANT EXECUTE ON FUNCTION activity.leaderboard_rank(text, uuid), activity.leaderboard_top(text, integer) TO activity_reader;

RESET ROLE;
