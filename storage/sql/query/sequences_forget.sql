-- Forgets entities of which nothing came for $1 days, at most $2 of them.
SELECT forget_sequences(make_interval(days => $1::int), $2::int)
