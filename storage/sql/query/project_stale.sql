-- Makes the sums of some stale days again, if it is our turn; returns a row for each of their tables.
WITH days AS MATERIALIZED (
    DELETE FROM stale_days
    WHERE day IN (SELECT day FROM stale_days WHERE pg_try_advisory_xact_lock(7023194586012448) ORDER BY day LIMIT 5)
    RETURNING day
)
SELECT m.sum, m.wrong FROM days CROSS JOIN LATERAL make_sums(days.day, days.day + 1) m
