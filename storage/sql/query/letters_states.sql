-- Of letters asked for by id: in which state they are.
SELECT id, letter_status(status, lease_until) FROM dead_letter_queue WHERE id = ANY ($1::bigint[])
