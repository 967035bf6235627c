-- Returns by the step they took in the range, the orders of the range that have one, and what was paid back in it.
-- $1 start and $2 end of the range.
SELECT
    (SELECT count(*) FROM returns WHERE requested_at >= $1::timestamptz AND requested_at < $2::timestamptz) AS requested,
    (SELECT count(*) FROM returns WHERE approved_at >= $1::timestamptz AND approved_at < $2::timestamptz) AS approved,
    (SELECT count(*) FROM returns WHERE rejected_at >= $1::timestamptz AND rejected_at < $2::timestamptz) AS rejected,
    (SELECT count(*) FROM returns WHERE completed_at >= $1::timestamptz AND completed_at < $2::timestamptz) AS completed,
    (SELECT 100 * count(returned_at)::float8 / nullif(count(*), 0)
     FROM orders
     WHERE purchased_at >= $1::timestamptz AND purchased_at < $2::timestamptz) AS return_rate,
    (SELECT coalesce(sum(money), 0)
     FROM refunds
     WHERE at >= $1::timestamptz AND at < $2::timestamptz) AS refunded_amount
