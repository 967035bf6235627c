-- Erased identities that events may still be refused for; older events ($1 days) are refused for their age.
SELECT hash, (extract(epoch FROM erased_at) * 1000000)::bigint, key_id
FROM erased_identities
WHERE erased_at > now() - make_interval(days => $1::int + 1)
