-- Takes the events of [$1, $2) in $5 pages of the month $3 from page $4 on; $6: only counts them. Returns their
-- number, and the month and page to go on with.
SELECT events, part, page
FROM replay_events($1::timestamptz, $2::timestamptz, $3::text, $4::bigint, $5::bigint, $6::boolean)
