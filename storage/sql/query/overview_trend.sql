-- Orders by local day. $1 start and $2 end of the range, $3 zone.
SELECT label AS date, money AS revenue, orders, customers, final
FROM sale_points($1::timestamptz, $2::timestamptz, $3::text, 'day')
