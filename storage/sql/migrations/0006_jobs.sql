-- Jobs: each slot of each job runs once over all replicas. A run holds a lease with a fencing number; what it
-- writes is checked against that number in its own transaction.

CREATE SEQUENCE job_fences;

CREATE TABLE job_runs (
    job         text        NOT NULL,
    slot        timestamptz NOT NULL,               -- when it was due; asked for by hand: when
    by_hand     boolean     NOT NULL DEFAULT false,
    day         date,                               -- the business day that it is about
    state       text        NOT NULL CHECK (state IN ('skipped', 'started', 'succeeded', 'failed')),
    attempts    integer     NOT NULL DEFAULT 0,
    given_up    boolean     NOT NULL DEFAULT false, -- failed, and not tried again
    fence       bigint,                             -- grows with each taking
    owner       text,
    lease_until timestamptz,
    retry_at    timestamptz,                        -- failed: not before then
    started_at  timestamptz,
    finished_at timestamptz,
    error       text,
    detail      jsonb,                              -- what the run has to say
    PRIMARY KEY (job, slot)
);
CREATE INDEX job_runs_started ON job_runs (job) WHERE state = 'started';
CREATE INDEX job_runs_succeeded ON job_runs (job, finished_at) WHERE state = 'succeeded';

-- Takes a slot: a row when it is the caller's now. One run of a job at a time; one whose lease has ended is dead.
-- A scheduled slot is not taken once a later one is settled; one that failed is taken again until `most` attempts.
-- Times are this server's, so that the callers' clocks do not matter.
CREATE FUNCTION job_claim(what text, due timestamptz, about date, hand boolean, who text, lease interval, most integer)
RETURNS TABLE (fence bigint, attempts integer) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('job_claim'), hashtext(what));
    UPDATE job_runs r
    SET state = 'failed', finished_at = clock_timestamp(), error = 'its process died, or was cut off',
        retry_at = clock_timestamp(), given_up = r.by_hand OR r.attempts >= most
    WHERE r.job = what AND r.state = 'started' AND r.lease_until < clock_timestamp();
    IF EXISTS (SELECT FROM job_runs r WHERE r.job = what AND r.state = 'started')
        OR (NOT hand AND EXISTS (SELECT FROM job_runs r WHERE r.job = what AND r.slot > due AND NOT r.by_hand
                                 AND (r.state <> 'failed' OR r.given_up))) THEN
        RETURN;
    END IF;
    RETURN QUERY
    INSERT INTO job_runs AS r (job, slot, by_hand, day, state, attempts, fence, owner, lease_until, started_at)
    VALUES (what, due, hand, about, 'started', 1, nextval('job_fences'), who, clock_timestamp() + lease,
            clock_timestamp())
    ON CONFLICT (job, slot) DO UPDATE
    SET state = 'started', attempts = r.attempts + 1, fence = excluded.fence, owner = excluded.owner,
        lease_until = excluded.lease_until, started_at = excluded.started_at, retry_at = NULL, finished_at = NULL,
        error = NULL, detail = NULL
    WHERE r.state = 'failed' AND NOT r.given_up AND r.retry_at <= clock_timestamp()
    RETURNING r.fence, r.attempts;
END
$$;

-- The last statement of each transaction of a run: without the lease nothing of it is kept. The lock makes who
-- takes the slot over wait for this commit.
CREATE FUNCTION job_fence(what text, due timestamptz, mine bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM job_runs r WHERE r.job = what AND r.slot = due AND r.fence = mine AND r.state = 'started' FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the run of % at % has lost its lease', what, due USING ERRCODE = 'AJ001';
    END IF;
END
$$;

-- What was expected of a business day and what came: by the days before, and by what others have counted.
CREATE TABLE reconciliation_reports (
    day        date        NOT NULL,
    subject    text        NOT NULL,                -- events: against the 7 days before; orders: the order service's count
    event_type text        NOT NULL,
    expected   numeric,                             -- NULL: not to be had, see note
    actual     bigint      NOT NULL,
    gap_ratio  numeric,                             -- share of the expected that is missing, 0 to 1
    severity   text        NOT NULL CHECK (severity IN ('ok', 'warning', 'critical', 'skipped')),
    note       text,
    fence      bigint      NOT NULL,                -- of the run that wrote it
    made_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (day, subject, event_type)
);

-- Quarters of an hour in which a type of event came far more or less often than at this time of earlier days.
CREATE TABLE anomalies (
    quarter    timestamptz NOT NULL,
    event_type text        NOT NULL,
    events     bigint      NOT NULL,
    mean       numeric     NOT NULL,                -- of the same quarter of the days before
    deviation  numeric     NOT NULL,                -- their standard deviation; not under the mean's root
    z_score    numeric     NOT NULL,
    PRIMARY KEY (quarter, event_type)
);

-- The customers of the last 12 months by recency, frequency and net revenue, as they were at the end of as_of.
CREATE TABLE customer_segments (
    customer_id    text    PRIMARY KEY,
    as_of          date    NOT NULL,
    recency        integer NOT NULL,                -- 1 to 5, the best
    frequency      integer NOT NULL,
    monetary       integer NOT NULL,
    segment        text    NOT NULL,
    lifetime_value numeric NOT NULL
);
CREATE INDEX customer_segments_segment ON customer_segments (segment);

-- How large each segment was, week by week.
CREATE TABLE segment_sizes (
    as_of         date    NOT NULL,
    segment       text    NOT NULL,
    customers     bigint  NOT NULL,
    average_value numeric NOT NULL,
    PRIMARY KEY (as_of, segment)
);

-- Customers by the month of their first order, and what they did in it (month 0) and in the months after.
CREATE TABLE cohorts (
    cohort_month date    NOT NULL,                  -- its first day
    month        integer NOT NULL,
    customers    bigint  NOT NULL,                  -- of the cohort
    buyers       bigint  NOT NULL,                  -- of these, with an order in that month
    money        numeric NOT NULL,                  -- their orders', in the reporting currency
    as_of        date    NOT NULL,                  -- the last day that counted
    PRIMARY KEY (cohort_month, month)
);
