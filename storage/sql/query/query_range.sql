-- The span of time a question is about, and the one just before it that growth compares with.
-- $1 zone, $2 now, $3 a named range or NULL, $4 and $5 the start as an instant or a local day,
-- $6 and $7 the end likewise (the day is part of the range); without an end it is the end of today.
-- A range of whole local days is compared with as many days before it, any other with its length.
WITH today AS (
    SELECT ($2::timestamptz AT TIME ZONE $1::text)::date AS day
), days AS (
    SELECT
        CASE $3::text
            WHEN 'today' THEN day
            WHEN 'yesterday' THEN day - 1
            WHEN '7d' THEN day - 6
            WHEN '30d' THEN day - 29
            WHEN '90d' THEN day - 89
            WHEN 'this_month' THEN date_trunc('month', day::timestamp)::date
            WHEN 'last_month' THEN (date_trunc('month', day::timestamp) - interval '1 month')::date
            WHEN 'this_year' THEN date_trunc('year', day::timestamp)::date
            ELSE coalesce($5::date, ($4::timestamptz AT TIME ZONE $1::text)::date)
        END AS first,
        CASE $3::text
            WHEN 'yesterday' THEN day
            WHEN 'last_month' THEN date_trunc('month', day::timestamp)::date
            ELSE coalesce($7::date + 1, ($6::timestamptz AT TIME ZONE $1::text)::date, day + 1)
        END AS after
    FROM today
), midnights AS (
    -- Where a clock goes back over midnight PostgreSQL takes the later of the two; a day starts at the
    -- earlier one, which is midnight by the offset in force some hours before.
    SELECT n, least(late, CASE WHEN early AT TIME ZONE $1::text = day::timestamp THEN early END) AS at
    FROM days,
        unnest(ARRAY[first - (after - first), first, after]) WITH ORDINALITY AS wanted (day, n),
        LATERAL (SELECT day::timestamp AT TIME ZONE $1::text AS late) l,
        LATERAL (SELECT late - interval '3 hours' AS some_hours_before) s,
        LATERAL (SELECT (day::timestamp - (some_hours_before AT TIME ZONE $1::text
                         - some_hours_before AT TIME ZONE 'UTC')) AT TIME ZONE 'UTC' AS early) e
), bounds AS (
    SELECT
        min(at) FILTER (WHERE n = 1) AS before,
        min(at) FILTER (WHERE n = 2) AS first_midnight,
        min(at) FILTER (WHERE n = 3) AS last_midnight,
        coalesce($4::timestamptz, min(at) FILTER (WHERE n = 2)) AS start,
        coalesce($6::timestamptz, min(at) FILTER (WHERE n = 3)) AS until
    FROM midnights
)
SELECT
    to_char(CASE WHEN start = first_midnight AND until = last_midnight THEN before AT TIME ZONE 'UTC'
            ELSE start AT TIME ZONE 'UTC' - (until - start) END, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS before,
    to_char(start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS start,
    to_char(until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS until,
    until <= start AS backwards,
    (until AT TIME ZONE 'UTC')::date - (start AT TIME ZONE 'UTC')::date AS days
FROM bounds
