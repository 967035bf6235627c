-- Orders by hour, day, week or month. $1 start and $2 end of the range, $3 zone, $4 which.
SELECT label AS date, money AS revenue, orders, customers, final
FROM sale_points($1::timestamptz, $2::timestamptz, $3::text, $4::text)
