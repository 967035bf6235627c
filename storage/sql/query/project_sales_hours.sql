INSERT INTO sales_hours AS h (hour, orders, priced_orders, money)
SELECT date_trunc('hour', at, 'UTC') AS hour, sum(sign), coalesce(sum(sign) FILTER (WHERE money IS NOT NULL), 0),
    coalesce(sum(sign * money), 0)
FROM sale_changes
GROUP BY 1
ON CONFLICT (hour) DO UPDATE SET
    orders = h.orders + excluded.orders, priced_orders = h.priced_orders + excluded.priced_orders,
    money = h.money + excluded.money
