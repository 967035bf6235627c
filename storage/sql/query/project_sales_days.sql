INSERT INTO sales_days AS d (day, orders, priced_orders, money, items_money, margin_price, margin_cost, customers)
SELECT day, sum(orders), sum(priced_orders), sum(money), sum(items_money), sum(margin_price), sum(margin_cost), sum(customers)
FROM (
    SELECT
        s.day, s.sign AS orders, CASE WHEN s.money IS NULL THEN 0 ELSE s.sign END AS priced_orders,
        coalesce(s.sign * s.money, 0) AS money,
        coalesce(s.sign * i.money, 0) AS items_money, coalesce(s.sign * i.margin_price, 0) AS margin_price,
        coalesce(s.sign * i.margin_cost, 0) AS margin_cost, 0 AS customers
    FROM sale_changes s
    CROSS JOIN LATERAL (
        SELECT
            sum(round(i.quantity * i.price * s.rate, s.decimals)) AS money,
            sum(round(i.quantity * i.price * s.rate, s.decimals)) FILTER (WHERE i.cost IS NOT NULL) AS margin_price,
            sum(round(i.quantity * i.cost * s.rate, s.decimals)) AS margin_cost
        FROM jsonb_to_recordset(s.items) AS i (quantity numeric, price numeric, cost numeric)
    ) i
    UNION ALL
    SELECT day, 0, 0, 0, 0, 0, 0, (orders > 0)::int - (orders - orders_moved > 0)::int
    FROM customer_day_changes
    WHERE orders_moved <> 0
) c
GROUP BY day
ON CONFLICT (day) DO UPDATE SET
    orders = d.orders + excluded.orders, priced_orders = d.priced_orders + excluded.priced_orders,
    money = d.money + excluded.money, items_money = d.items_money + excluded.items_money,
    margin_price = d.margin_price + excluded.margin_price, margin_cost = d.margin_cost + excluded.margin_cost,
    customers = d.customers + excluded.customers
