-- Orders whose latest status is one of some, by local day. $1 start and $2 end of the range, $3 zone, $4 statuses.
WITH p AS MATERIALIZED (
    SELECT * FROM periods($1::timestamptz, $2::timestamptz, $3::text, 'day')
), starts AS MATERIALIZED (
    SELECT array_agg(from_at ORDER BY n) AS at FROM p
), sold AS (
    SELECT width_bucket(s.at, (SELECT at FROM starts)) AS n, count(*) AS orders, avg(s.money) AS average
    FROM sales_with($1::timestamptz, $2::timestamptz, $4::text[]) s
    GROUP BY 1
)
SELECT p.label AS date, coalesce(s.orders, 0) AS orders, round(s.average, b.decimals) AS average_value,
    is_final(p.from_at, p.until_at) AS final
FROM p CROSS JOIN reporting_basis b LEFT JOIN sold s USING (n)
ORDER BY p.n
