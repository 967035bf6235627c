INSERT INTO product_days AS d (day, product_id, orders, units, money, margin_price, margin_cost)
SELECT day, product_id, sum(sign), sum(sign * units), sum(sign * money), sum(sign * margin_price), sum(sign * margin_cost)
FROM (
    SELECT
        s.sign, s.day, s.order_id, i.product_id, sum(coalesce(i.quantity, 0)) AS units,
        coalesce(sum(m.money), 0) AS money,
        coalesce(sum(m.money) FILTER (WHERE i.cost IS NOT NULL), 0) AS margin_price,
        coalesce(sum(round(i.quantity * i.cost * s.rate, s.decimals)), 0) AS margin_cost
    FROM sale_changes s
    CROSS JOIN LATERAL jsonb_to_recordset(s.items) AS i (product_id text, quantity numeric, price numeric, cost numeric)
    CROSS JOIN LATERAL (SELECT round(i.quantity * i.price * s.rate, s.decimals) AS money) m
    WHERE i.product_id IS NOT NULL
    GROUP BY s.sign, s.day, s.order_id, i.product_id
) l
GROUP BY day, product_id
ON CONFLICT (day, product_id) DO UPDATE SET
    orders = d.orders + excluded.orders, units = d.units + excluded.units, money = d.money + excluded.money,
    margin_price = d.margin_price + excluded.margin_price, margin_cost = d.margin_cost + excluded.margin_cost
