-- The sums of the business day $1, made again of their entities: per table how many rows were wrong.
SELECT m.sum, sum(m.wrong)::bigint FROM make_sums($1::date, $1::date + 1) AS m GROUP BY m.sum
