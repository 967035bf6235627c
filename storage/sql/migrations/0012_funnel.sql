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

-- The sessions that an end of [start, until) cuts; begun: within it. Those of up to an hour are found by when they
-- begin, the few longer ones among all that end behind the start, in the index alone; and no estimate of how many
-- that may be leads to another plan.
DROP INDEX sessions_long;
CREATE INDEX sessions_long ON sessions (last_at, first_at, session_id) WHERE last_at - first_at > interval '1 hour';

CREATE FUNCTION sessions_cut(start timestamptz, until timestamptz)
RETURNS TABLE (device text, source text, bought boolean, reached smallint, steps bigint[], begun boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH long AS MATERIALIZED (
        SELECT session_id, first_at, last_at
        FROM sessions
        WHERE last_at - first_at > interval '1 hour' AND last_at >= start
    )
    SELECT device, source, bought, reached, steps, false
    FROM sessions
    WHERE last_at - first_at <= interval '1 hour' AND first_at >= start - interval '1 hour' AND first_at < start
        AND last_at >= start
    UNION ALL
    SELECT device, source, bought, reached, steps, true
    FROM sessions
    WHERE last_at - first_at <= interval '1 hour' AND first_at >= greatest(start, until - interval '1 hour')
        AND first_at < until AND last_at >= until
    UNION ALL
    SELECT s.device, s.source, s.bought, s.reached, s.steps, l.first_at >= start
    FROM long l, LATERAL (SELECT * FROM sessions WHERE session_id = l.session_id OFFSET 0) s
    WHERE l.first_at < start OR l.first_at < until AND l.last_at >= until
$$;

-- Sessions with a funnel event in [start, until), those that bought in it, and how many got at least so far in it, by
-- device and source ('': they name none); several rows may be of the same.
-- Whole business days come from session_days, the sessions that begin beside them from sessions; those that an
-- end of the range cuts are taken out again, and put in as their steps within the range say.
CREATE FUNCTION funnel_parts(start timestamptz, until timestamptz)
RETURNS TABLE (device text, source text, sessions bigint, bought bigint, reached1 bigint, reached2 bigint,
               reached3 bigint, reached4 bigint, reached5 bigint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH days AS (
        SELECT * FROM whole_days(start, until)
    ), cut AS MATERIALIZED (
        SELECT * FROM sessions_cut(start, until)
    ), one AS (
        SELECT 1 AS n, s.device, s.source, s.bought, s.reached
        FROM days d, sessions s
        WHERE s.first_at >= start AND s.first_at < d.head_until
        UNION ALL
        SELECT 1, s.device, s.source, s.bought, s.reached
        FROM days d, sessions s
        WHERE s.first_at >= d.tail_from AND s.first_at < until
        UNION ALL
        SELECT -1, c.device, c.source, c.bought, c.reached
        FROM cut c
        WHERE c.begun
        UNION ALL
        SELECT 1, c.device, c.source, i.bought, i.reached
        FROM cut c, LATERAL funnel_cut(c.steps, start, until) i
        WHERE i.there
    )
    SELECT coalesce(device, ''), coalesce(source, ''), sum(n), coalesce(sum(n) FILTER (WHERE bought), 0),
        coalesce(sum(n) FILTER (WHERE reached >= 1), 0), coalesce(sum(n) FILTER (WHERE reached >= 2), 0),
        coalesce(sum(n) FILTER (WHERE reached >= 3), 0), coalesce(sum(n) FILTER (WHERE reached >= 4), 0),
        coalesce(sum(n) FILTER (WHERE reached >= 5), 0)
    FROM one
    GROUP BY 1, 2
    UNION ALL
    SELECT s.device, s.source, sum(s.sessions)::bigint, sum(s.bought)::bigint, sum(s.reached1)::bigint,
        sum(s.reached2)::bigint, sum(s.reached3)::bigint, sum(s.reached4)::bigint, sum(s.reached5)::bigint
    FROM days d, session_days s
    WHERE s.day >= d.first_day AND s.day < d.after_day
    GROUP BY 1, 2;
END
$$;

-- All of them.
CREATE FUNCTION funnel(start timestamptz, until timestamptz)
RETURNS TABLE (sessions bigint, bought bigint, reached1 bigint, reached2 bigint, reached3 bigint, reached4 bigint,
               reached5 bigint)
LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(sessions), 0)::bigint, coalesce(sum(bought), 0)::bigint, coalesce(sum(reached1), 0)::bigint,
        coalesce(sum(reached2), 0)::bigint, coalesce(sum(reached3), 0)::bigint, coalesce(sum(reached4), 0)::bigint,
        coalesce(sum(reached5), 0)::bigint
    FROM funnel_parts(start, until)
$$;

-- Such a row as an answer's stages.
CREATE FUNCTION funnel_stages(VARIADIC reached bigint[])
RETURNS TABLE (n bigint, stage text, users bigint, rate float8) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT s.n, s.stage, reached[s.n], 100 * reached[s.n]::float8 / nullif(reached[1], 0)
    FROM unnest(ARRAY['page_view', 'product_view', 'add_to_cart', 'checkout', 'purchase'])
        WITH ORDINALITY AS s (stage, n)
$$;
