-- The tables of the worked example. One transaction: psql --single-transaction --file tables.sql
--
-- They have a schema of their own, so that an installation can throw the example away (README.md). A group of the
-- platform has its tables in the schema activity, and registers each in activity.group_table.

CREATE SCHEMA lab_example AUTHORIZATION activity_owner;

SET LOCAL ROLE activity_owner;

COMMENT ON SCHEMA lab_example IS 'Tables of the worked example lab booking.';

-- Each makes a row in activity.worker_group and the set of messages that the group has seen.
SELECT activity.create_group('lab_allocation', 'Worked example: gives each lab booking a place, or declines it.');
SELECT activity.create_group('lab_data', 'Worked example: lab bookings and their answers, for analytics.');

-- LabService -------------------------------------------------------------------------------------------------

CREATE TABLE lab_example.lab (
    lab      text    PRIMARY KEY,
    lab_type text    NOT NULL,
    capacity integer NOT NULL CHECK (capacity >= 0),
    taken    integer NOT NULL DEFAULT 0,
    CONSTRAINT never_over_capacity CHECK (taken BETWEEN 0 AND capacity)
);
COMMENT ON TABLE lab_example.lab IS 'The labs that there are. Operators add them.';
COMMENT ON COLUMN lab_example.lab.lab IS 'Its name.';
COMMENT ON COLUMN lab_example.lab.lab_type IS 'What can be done there: chemistry.';
COMMENT ON COLUMN lab_example.lab.capacity IS 'How many bookings it takes.';
COMMENT ON COLUMN lab_example.lab.taken IS 'How many it has.';

CREATE TABLE lab_example.allocation (
    booking    text        PRIMARY KEY,
    source     text        NOT NULL,
    learner    text        NOT NULL,
    lab_type   text        NOT NULL,
    lab        text        REFERENCES lab_example.lab,
    booked_at  timestamptz NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE lab_example.allocation IS 'What LabService decided: one row a booking.';
COMMENT ON COLUMN lab_example.allocation.booking IS 'The message ID of the event that asked for it.';
COMMENT ON COLUMN lab_example.allocation.source IS 'Name of the source that the event came from.';
COMMENT ON COLUMN lab_example.allocation.learner IS 'Who booked, a user of that source.';
COMMENT ON COLUMN lab_example.allocation.lab_type IS 'What was asked for.';
COMMENT ON COLUMN lab_example.allocation.lab IS 'NULL: declined, every lab of the type was full.';
COMMENT ON COLUMN lab_example.allocation.booked_at IS 'When the platform took the booking.';
COMMENT ON COLUMN lab_example.allocation.decided_at IS 'Start of the transaction that decided.';

CREATE TABLE lab_example.answer_to_send (
    number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    booking text   NOT NULL REFERENCES lab_example.allocation
);
COMMENT ON TABLE lab_example.answer_to_send IS 'Decisions that Kafka does not have yet: written with the decision, removed when delivered.';
COMMENT ON COLUMN lab_example.answer_to_send.number IS 'The order in which they are sent.';
COMMENT ON COLUMN lab_example.answer_to_send.booking IS 'Whose answer.';

-- A text that PL/pgSQL raises has the SQLSTATE P0001: "unclear", so the record is put off and tried again.
CREATE FUNCTION lab_example.unknown_lab_type(lab_type text) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'there is no lab of the type %', quote_literal(left(lab_type, 64));
END
$$;
COMMENT ON FUNCTION lab_example.unknown_lab_type(text) IS 'Fails: perhaps somebody adds such a lab before the last retry.';

GRANT USAGE ON SCHEMA lab_example TO activity_worker, activity_reader;
GRANT EXECUTE ON FUNCTION lab_example.unknown_lab_type(text) TO activity_worker;
GRANT SELECT, UPDATE ON lab_example.lab TO activity_worker;
GRANT SELECT, INSERT ON lab_example.allocation TO activity_worker;
GRANT SELECT, INSERT, DELETE ON lab_example.answer_to_send TO activity_worker;

-- DataService ------------------------------------------------------------------------------------------------

CREATE TABLE lab_example.booking (
    booking     text        PRIMARY KEY,
    learner_key uuid        NOT NULL,
    lab_type    text,
    booked_at   timestamptz NOT NULL
);
COMMENT ON TABLE lab_example.booking IS 'Every booking, as it came.';
COMMENT ON COLUMN lab_example.booking.booking IS 'Its message ID.';
COMMENT ON COLUMN lab_example.booking.learner_key IS 'Who: a hash of source and user.';
COMMENT ON COLUMN lab_example.booking.lab_type IS 'What was asked for; NULL if the booking does not say.';
COMMENT ON COLUMN lab_example.booking.booked_at IS 'When.';

CREATE TABLE lab_example.answer (
    booking     text        PRIMARY KEY,
    learner_key uuid        NOT NULL,
    lab         text,
    answered_at timestamptz NOT NULL
);
COMMENT ON TABLE lab_example.answer IS 'Every answer. It may be here before its booking: the two come in topics of their own.';
COMMENT ON COLUMN lab_example.answer.booking IS 'The booking''s message ID.';
COMMENT ON COLUMN lab_example.answer.learner_key IS 'Who: a hash of source and user.';
COMMENT ON COLUMN lab_example.answer.lab IS 'NULL: declined.';
COMMENT ON COLUMN lab_example.answer.answered_at IS 'When.';

CREATE VIEW lab_example.demand AS
    SELECT lab_type,
           count(*) AS bookings,
           count(lab) AS allocated,
           count(answered_at) - count(lab) AS declined,
           count(*) - count(answered_at) AS waiting,
           extract(epoch FROM avg(answered_at - booked_at)) / 60 AS minutes_to_answer
    FROM lab_example.booking LEFT JOIN lab_example.answer USING (booking)
    GROUP BY lab_type;
COMMENT ON VIEW lab_example.demand IS 'For each lab type: how many bookings, what became of them, and how long they waited on average.';

GRANT INSERT ON lab_example.booking, lab_example.answer TO activity_worker;
GRANT SELECT ON lab_example.lab, lab_example.booking, lab_example.answer, lab_example.demand TO activity_reader;

RESET ROLE;
