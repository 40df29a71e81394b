-- How popular courses, problems and questions are, for ranking search results.

SET LOCAL ROLE activity_owner;

SELECT activity.create_group('search', 'Popularity of courses, problems and questions with time decay.');

-- Forward decay (Cormode et al., "Forward Decay", ICDE 2009): an event of weight w at time t adds w * 2^(t / half-life),
-- whatever the time is now. So nothing has to be refreshed, events may come in any order, and the ranking is that of
-- the stored numbers. They grow without bound: the table keeps their logarithm.
CREATE TABLE activity.popularity (
    kind       text COLLATE "C" NOT NULL CHECK (kind IN ('course', 'problem', 'question')),
    item       text COLLATE "C" NOT NULL,
    score_log2 double precision NOT NULL,
    events     bigint           NOT NULL,
    last_at    timestamptz      NOT NULL,
    PRIMARY KEY (kind, item)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000);
COMMENT ON TABLE activity.popularity IS 'What learners are drawn to, by item.';
COMMENT ON COLUMN activity.popularity.kind IS 'course, problem or question.';
COMMENT ON COLUMN activity.popularity.item IS 'Its ID, as the events name it.';
COMMENT ON COLUMN activity.popularity.score_log2 IS 'log2 of the sum of weight * 2^(time of the event in half-lives since 1970). It orders items as their score at any time does.';
COMMENT ON COLUMN activity.popularity.events IS 'Events that counted.';
COMMENT ON COLUMN activity.popularity.last_at IS 'When the last of them happened.';

-- Every event moves its items here, at about 10 µs for each that a batch touches; it is what makes the best of a
-- million a matter of one page.
CREATE INDEX popularity_score ON activity.popularity (kind, score_log2 DESC, item);
COMMENT ON INDEX activity.popularity_score IS 'The most popular of a kind.';

INSERT INTO activity.group_table VALUES ('search', 'popularity', NULL);

-- Without a search_path of their own, so that PostgreSQL puts them in place of their calls.
CREATE FUNCTION activity.half_lives(at timestamptz) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN extract(epoch FROM at)::double precision / (7 * 86400);
COMMENT ON FUNCTION activity.half_lives(timestamptz) IS 'A time as half-lives of popularity since 1970: 7 days each.';

-- Below 2^-1000 of the greater one, the smaller one is nothing; beyond, PostgreSQL refuses to compute it.
CREATE FUNCTION activity.sum_log2(a double precision, b double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN greatest(a, b) + ln(1 + power(2::double precision, greatest(-abs(a - b), -1000))) / ln(2::double precision);
COMMENT ON FUNCTION activity.sum_log2(double precision, double precision) IS 'log2(2^a + 2^b), for any size of them.';

CREATE VIEW analytics.popularity AS
SELECT kind, item,
       power(2::double precision, greatest(least(score_log2 - activity.half_lives(now()), 1000), -1000)) AS score,
       events, last_at, score_log2
FROM activity.popularity;
COMMENT ON VIEW analytics.popularity IS 'What learners are drawn to. For the best of a kind: WHERE kind = … ORDER BY score_log2 DESC LIMIT n, which an index answers.';
COMMENT ON COLUMN analytics.popularity.kind IS 'course, problem or question.';
COMMENT ON COLUMN analytics.popularity.item IS 'Its ID, as the events name it.';
COMMENT ON COLUMN analytics.popularity.score IS 'Weight of its events now: one halves every 7 days.';
COMMENT ON COLUMN analytics.popularity.events IS 'Events that counted.';
COMMENT ON COLUMN analytics.popularity.last_at IS 'When the last of them happened.';
COMMENT ON COLUMN analytics.popularity.score_log2 IS 'Orders items as the score does, and stays the same until the next event.';

CREATE FUNCTION activity.popular(kind text, count integer DEFAULT 10)
    RETURNS TABLE (item text, score double precision, events bigint, last_at timestamptz)
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT p.item, p.score, p.events, p.last_at FROM analytics.popularity AS p
    WHERE p.kind = $1 ORDER BY p.score_log2 DESC, p.item LIMIT $2;
END;
COMMENT ON FUNCTION activity.popular(text, integer) IS 'The most popular of a kind, the best first.';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA activity FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON activity.popularity TO activity_worker;
GRANT EXECUTE ON FUNCTION activity.sum_log2(double precision, double precision) TO activity_worker;
GRANT EXECUTE ON FUNCTION activity.half_lives(timestamptz) TO activity_worker, activity_reader;
GRANT EXECUTE ON FUNCTION activity.popular(text, integer) TO activity_reader;

RESET ROLE;
