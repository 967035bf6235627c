-- The counts of the business day $1, made again of the events: per table how many rows were wrong.
SELECT m.sum, sum(m.wrong)::bigint FROM make_counts($1::date, $1::date + 1) AS m GROUP BY m.sum
