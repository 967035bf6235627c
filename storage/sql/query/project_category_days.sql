INSERT INTO category_days AS d (day, category, orders, units, money)
SELECT day, category, sum(sign), sum(sign * units), sum(sign * money)
FROM (
    SELECT
        s.sign, s.day, s.order_id, coalesce(i.category, '') AS category, sum(coalesce(i.quantity, 0)) AS units,
        coalesce(sum(round(i.quantity * i.price * s.rate, s.decimals)), 0) AS money
    FROM sale_changes s
    CROSS JOIN LATERAL jsonb_to_recordset(s.items) AS i (category text, quantity numeric, price numeric)
    GROUP BY s.sign, s.day, s.order_id, coalesce(i.category, '')
) l
GROUP BY day, category
ON CONFLICT (day, category) DO UPDATE SET
    orders = d.orders + excluded.orders, units = d.units + excluded.units, money = d.money + excluded.money
