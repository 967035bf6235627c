-- Closes the current generation of identities above $1 MiB or after $2 days, and drops those that guard nothing any
-- more: whose events are older than the retention horizon of $3 days.
SELECT closed, dropped
FROM rotate_identities($1::bigint << 20, make_interval(days => $2::int), make_interval(days => $3::int))
