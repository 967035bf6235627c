-- Payments that went through and that did not. $1 start and $2 end of the range.
SELECT
    count(*) FILTER (WHERE kind = 'processed') AS processed,
    count(*) FILTER (WHERE kind = 'failed') AS failed,
    100 * count(*) FILTER (WHERE kind = 'processed')::float8 / nullif(count(*), 0) AS success_rate
FROM payments
WHERE at >= $1::timestamptz AND at < $2::timestamptz AND kind IN ('processed', 'failed')
