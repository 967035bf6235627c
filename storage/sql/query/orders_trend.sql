-- Orders by local day. $1 start and $2 end of the range, $3 zone.
SELECT p.label AS date, p.orders, round(p.money / nullif(p.priced_orders, 0), b.decimals) AS average_value, p.final
FROM sale_points($1::timestamptz, $2::timestamptz, $3::text, 'day') p, reporting_basis b
