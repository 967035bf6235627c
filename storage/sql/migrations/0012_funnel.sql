-- How far sessions got in a range of time. One place, so that no two answers differ.

-- Of a session's funnel events (sessions.steps) those of [start, until): how far they lead, whether one is a
-- purchase, whether there is one at all. They are sorted by time and stage, so each next stage is reached at the
-- first event of that name behind the one before, equal times included.
CREATE FUNCTION funnel_cut(steps bigint[], start timestamptz, until timestamptz,
                           OUT there boolean, OUT bought boolean, OUT reached integer)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    first bigint := (extract(epoch FROM start) * 8000000)::bigint;
    after bigint := (extract(epoch FROM until) * 8000000)::bigint;
    step  bigint;
BEGIN
    there := false;
    bought := false;
    reached := 0;
    FOREACH step IN ARRAY steps LOOP
        EXIT WHEN step >= after;
        CONTINUE WHEN step < first;
        there := true;
        bought := bought OR step & 7 = 5;
        IF step & 7 = reached + 1 THEN
            reached := reached + 1;
        END IF;
    END LOOP;
END
$$;

-- A range's ends are looked for among the long sessions by both of their ends.
DROP INDEX sessions_long;
CREATE INDEX sessions_long ON sessions (last_at, first_at) WHERE last_at - first_at > interval '1 hour';

-- Sessions with a funnel event in [start, until), those that bought in it, and how many got at least so far in it.
-- Whole business days come from session_days, the sessions that begin beside them from sessions; those that an
-- end of the range cuts are taken out again, and put in as their steps within the range say.
CREATE FUNCTION funnel(start timestamptz, until timestamptz)
RETURNS TABLE (sessions bigint, bought bigint, reached1 bigint, reached2 bigint, reached3 bigint, reached4 bigint,
               reached5 bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH days AS (
        -- Days first to after - 1 lie within. Where a clock goes back over midnight, PostgreSQL takes the later
        -- of two midnights; the instants between them are told by their date.
        SELECT zone, first, greatest(first, after) AS after, first < after AS any_whole,
            first::timestamp AT TIME ZONE zone AS head, after::timestamp AT TIME ZONE zone - interval '3 hours' AS tail
        FROM reporting_basis,
            LATERAL (SELECT ((start - interval '1 microsecond') AT TIME ZONE zone)::date + 1 AS first,
                            (until AT TIME ZONE zone)::date AS after) d
    ), cut AS (
        SELECT 1 AS n, s.bought, s.reached, s.steps, false AS begun
        FROM sessions s
        WHERE s.first_at >= start - interval '1 hour' AND s.first_at < start AND s.last_at >= start
            AND s.last_at - s.first_at <= interval '1 hour'
        UNION ALL
        SELECT 1, s.bought, s.reached, s.steps, false
        FROM sessions s
        WHERE s.last_at - s.first_at > interval '1 hour' AND s.last_at >= start AND s.first_at < start
        UNION ALL
        SELECT 1, s.bought, s.reached, s.steps, true
        FROM sessions s
        WHERE s.first_at >= greatest(start, until - interval '1 hour') AND s.first_at < until AND s.last_at >= until
            AND s.last_at - s.first_at <= interval '1 hour'
        UNION ALL
        SELECT 1, s.bought, s.reached, s.steps, true
        FROM sessions s
        WHERE s.last_at - s.first_at > interval '1 hour' AND s.last_at >= until
            AND s.first_at >= start AND s.first_at < until
    ), one AS (
        SELECT 1 AS n, s.bought, s.reached
        FROM days d, sessions s
        WHERE d.any_whole AND s.first_at >= start AND s.first_at < d.head
            AND (s.first_at AT TIME ZONE d.zone)::date < d.first
        UNION ALL
        SELECT 1, s.bought, s.reached
        FROM days d, sessions s
        WHERE d.any_whole AND s.first_at >= greatest(start, d.tail) AND s.first_at < until
            AND (s.first_at AT TIME ZONE d.zone)::date >= d.after
        UNION ALL
        SELECT 1, s.bought, s.reached
        FROM days d, sessions s
        WHERE NOT d.any_whole AND s.first_at >= start AND s.first_at < until
        UNION ALL
        SELECT -1, c.bought, c.reached
        FROM cut c
        WHERE c.begun
        UNION ALL
        SELECT 1, i.bought, i.reached
        FROM cut c, LATERAL funnel_cut(c.steps, start, until) i
        WHERE i.there
    ), parts AS (
        SELECT sum(n) AS n, sum(n) FILTER (WHERE bought) AS b, sum(n) FILTER (WHERE reached >= 1) AS r1,
            sum(n) FILTER (WHERE reached >= 2) AS r2, sum(n) FILTER (WHERE reached >= 3) AS r3,
            sum(n) FILTER (WHERE reached >= 4) AS r4, sum(n) FILTER (WHERE reached >= 5) AS r5
        FROM one
        UNION ALL
        SELECT sum(s.sessions)::bigint, sum(s.bought)::bigint, sum(s.reached1)::bigint, sum(s.reached2)::bigint,
            sum(s.reached3)::bigint, sum(s.reached4)::bigint, sum(s.reached5)::bigint
        FROM days d, session_days s
        WHERE s.day >= d.first AND s.day < d.after
    )
    SELECT coalesce(sum(n), 0)::bigint, coalesce(sum(b), 0)::bigint, coalesce(sum(r1), 0)::bigint,
        coalesce(sum(r2), 0)::bigint, coalesce(sum(r3), 0)::bigint, coalesce(sum(r4), 0)::bigint,
        coalesce(sum(r5), 0)::bigint
    FROM parts
$$;
