-- One step of the erasure $1: $2 pages of a table; $3 the properties that may stay; $4 seconds until someone else
-- takes over; $5 seconds between the first round and the second.
SELECT action
FROM erase_step($1::bigint, $2::bigint, $3::text[], make_interval(secs => $4::int), make_interval(secs => $5::int))
