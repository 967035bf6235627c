-- Sold items of some categories and brands by hour, day, week or month: their money, and the distinct orders and
-- customers of these. $1 start and $2 end of the range, $3 zone, $4 which, $5 categories, $6 brands.
WITH p AS MATERIALIZED (
    SELECT * FROM periods($1::timestamptz, $2::timestamptz, $3::text, $4::text)
), starts AS MATERIALIZED (
    SELECT array_agg(from_at ORDER BY n) AS at FROM p
), sold AS (
    SELECT width_bucket(l.at, (SELECT at FROM starts)) AS n, coalesce(sum(l.money), 0) AS money,
        count(DISTINCT l.order_id) AS orders, count(DISTINCT l.customer_id) AS customers
    FROM lines_of($1::timestamptz, $2::timestamptz, $5::text[], $6::text[]) l
    GROUP BY 1
)
SELECT p.label AS date, coalesce(s.money, 0) AS revenue, coalesce(s.orders, 0) AS orders,
    coalesce(s.customers, 0) AS customers, is_final(p.from_at, p.until_at) AS final
FROM p LEFT JOIN sold s USING (n)
ORDER BY p.n
