-- What several answers about customers, stock and marketing are made of.

CREATE INDEX returns_approved_at ON returns (approved_at) WHERE approved_at IS NOT NULL;
CREATE INDEX returns_rejected_at ON returns (rejected_at) WHERE rejected_at IS NOT NULL;
CREATE INDEX returns_completed_at ON returns (completed_at) WHERE completed_at IS NOT NULL;

-- Distinct customers with an own action in [start, until). Whole business days come from active_days; of the two
-- days that the range cuts, the first and last action of each customer tell who acted within. A range within one
-- day can lie between a customer's first and last action: then the events themselves are asked.
CREATE FUNCTION active_customers(start timestamptz, until timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    zone     text := (SELECT b.zone FROM reporting_basis b);
    head_day date := (start AT TIME ZONE zone)::date;
    tail_day date := (until AT TIME ZONE zone)::date;
    whole    record;
BEGIN
    SELECT * INTO whole FROM whole_days(start, until);
    IF head_day = tail_day THEN
        RETURN (
            SELECT count(*)
            FROM (
                SELECT c.customer_id
                FROM customer_days c
                WHERE c.day = head_day
                    AND (c.first_at >= start AND c.first_at < until OR c.last_at >= start AND c.last_at < until)
                UNION
                SELECT e.customer_id
                FROM analytics_events e
                WHERE e.created_at >= start AND e.created_at < until AND e.customer_id IS NOT NULL
                    AND e.event_type IN ('page_view', 'product_view', 'add_to_cart', 'remove_from_cart', 'checkout',
                                         'purchase', 'customer_login', 'customer_registered')
            ) c);
    END IF;
    RETURN
        (SELECT coalesce(sum(a.customers), 0)
         FROM active_days a
         WHERE a.day >= whole.first_day AND a.day < whole.after_day AND a.previous_day < whole.first_day)
        + (SELECT count(*)
           FROM (
               SELECT c.customer_id
               FROM customer_days c
               WHERE c.day = head_day AND start < whole.head_until AND c.last_at >= start
               UNION
               SELECT c.customer_id
               FROM customer_days c
               WHERE c.day = tail_day AND (whole.first_day IS NULL OR whole.tail_from < until) AND c.first_at < until
           ) edge
           WHERE NOT EXISTS (
               SELECT FROM customer_days i
               WHERE i.customer_id = edge.customer_id AND i.day >= whole.first_day AND i.day < whole.after_day
                   AND i.first_at IS NOT NULL));
END
$$;

-- Units of each product sold in [start, until).
CREATE FUNCTION units_sold(start timestamptz, until timestamptz) RETURNS TABLE (product_id text, units numeric)
LANGUAGE sql STABLE AS $$
    WITH days AS MATERIALIZED (
        SELECT * FROM whole_days(start, until)
    )
    SELECT s.product_id, sum(s.units)
    FROM (
        SELECT p.product_id, p.units
        FROM days d JOIN product_days p ON p.day >= d.first_day AND p.day < d.after_day
        WHERE p.units <> 0
        UNION ALL
        SELECT l.product_id, l.quantity
        FROM days d JOIN sale_lines l ON l.at >= start AND l.at < d.head_until
        UNION ALL
        SELECT l.product_id, l.quantity
        FROM days d JOIN sale_lines l ON l.at >= d.tail_from AND l.at < until
    ) s
    GROUP BY s.product_id
$$;

-- Orders by customer, as money: the same as in sales, in the order of an index that holds all of it.
DROP INDEX orders_customer;
CREATE INDEX orders_customer ON orders (customer_id, purchased_at) INCLUDE (amount, currency) WHERE purchased_at IS NOT NULL;

CREATE VIEW customer_orders AS
SELECT
    o.customer_id, o.purchased_at AS at,
    round(CASE
        WHEN coalesce(o.currency, (SELECT currency FROM reporting_basis)) = (SELECT currency FROM reporting_basis) THEN o.amount
        ELSE o.amount * fx.rate
    END, (SELECT decimals FROM reporting_basis)) AS money
FROM orders o
LEFT JOIN fx_rates fx ON fx.currency = o.currency
    AND fx.day = (o.purchased_at AT TIME ZONE (SELECT zone FROM reporting_basis))::date
WHERE o.purchased_at IS NOT NULL AND o.customer_id IS NOT NULL;

-- The same as before, with the customer; orders are looked at for those in another currency only, or for the customer.
CREATE OR REPLACE VIEW refunds AS
SELECT
    p.event_key, p.at, p.order_id, coalesce(p.currency, b.currency) AS currency, p.amount,
    round(CASE
        WHEN coalesce(p.currency, b.currency) = b.currency THEN p.amount
        ELSE p.amount * (
            SELECT fx.rate
            FROM fx_rates fx
            WHERE fx.currency = p.currency AND fx.day = (
                coalesce((SELECT s.purchased_at FROM orders s WHERE s.order_id = p.order_id), p.at) AT TIME ZONE b.zone)::date)
    END, b.decimals) AS money,
    o.customer_id
FROM payments p
CROSS JOIN reporting_basis b
LEFT JOIN orders o ON o.order_id = p.order_id
WHERE p.kind = 'refunded';

-- In which fifth of them all a value is, equal ones in the same: 1 + floor(5 * those less / all).
-- bounds: the last value of each of the first four fifths.
CREATE FUNCTION fifth(value anycompatible, bounds anycompatiblearray) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT 1 + (value > bounds[1])::integer + (value > bounds[2])::integer
        + (value > bounds[3])::integer + (value > bounds[4])::integer
$$;

-- Customers with an order in [start, until), by recency, frequency and net revenue in it: a fifth each, 5 the best;
-- equals are in the same fifth. lifetime_value: net revenue of all time.
CREATE FUNCTION customer_scores(start timestamptz, until timestamptz)
RETURNS TABLE (customer_id text, recency integer, frequency integer, monetary integer, segment text,
               lifetime_value numeric)
LANGUAGE sql STABLE AS $$
    WITH bought AS (
        SELECT c.customer_id, max(c.at) FILTER (WHERE c.inside) AS last_at, count(*) FILTER (WHERE c.inside) AS orders,
            sum(c.money) FILTER (WHERE c.inside) AS money, sum(c.money) AS money_ever
        FROM (
            SELECT o.customer_id, o.at, o.at >= start AND o.at < until AS inside, o.money
            FROM customer_orders o
            ORDER BY o.customer_id -- and each order is made money once
        ) c
        GROUP BY c.customer_id
        HAVING bool_or(c.inside)
    ), paid_back AS (
        SELECT r.customer_id, sum(r.money) FILTER (WHERE r.at >= start AND r.at < until) AS money,
            sum(r.money) AS money_ever
        FROM (SELECT * FROM refunds WHERE customer_id IS NOT NULL OFFSET 0) r
        GROUP BY r.customer_id
    ), valued AS MATERIALIZED (
        SELECT b.customer_id, b.last_at, b.orders, coalesce(b.money, 0) - coalesce(p.money, 0) AS money,
            coalesce(b.money_ever, 0) - coalesce(p.money_ever, 0) AS lifetime_value
        FROM bought b LEFT JOIN paid_back p USING (customer_id)
    ), bounds AS MATERIALIZED (
        -- The last of each of the first four fifths; a little less than a fifth, as ceil() follows.
        SELECT percentile_disc(part) WITHIN GROUP (ORDER BY last_at) AS last_at,
            percentile_disc(part) WITHIN GROUP (ORDER BY orders) AS orders,
            percentile_disc(part) WITHIN GROUP (ORDER BY money) AS money
        FROM valued, (VALUES ('{0.199999999, 0.399999999, 0.599999999, 0.799999999}'::float8[])) AS parts (part)
        GROUP BY part
    ), scored AS (
        SELECT v.customer_id, v.lifetime_value,
            fifth(v.last_at, b.last_at) AS r, fifth(v.orders, b.orders) AS f, fifth(v.money, b.money) AS m
        FROM valued v, bounds b
        OFFSET 0 -- each is ranked once
    )
    SELECT customer_id, r, f, m,
        CASE
            WHEN r >= 4 AND f >= 4 AND m >= 4 THEN 'Champions'
            WHEN r >= 3 AND f >= 3 THEN 'Loyal'
            WHEN r >= 4 AND f = 1 THEN 'New'
            WHEN r >= 4 AND f >= 2 AND m <= 2 THEN 'Potential'
            WHEN r <= 2 AND f >= 3 THEN 'At Risk'
            WHEN r = 1 AND f = 1 THEN 'Lost'
            ELSE 'Other'
        END,
        lifetime_value
    FROM scored
$$;

-- The stock of each item and warehouse over [start, until), each level for as long as it held: from the item's first
-- level on, and not beyond now. The index holds all of it, in order.
DROP INDEX stock_levels_of;
CREATE INDEX stock_levels_of ON stock_levels (sku, warehouse_id, at, event_key) INCLUDE (quantity);

CREATE FUNCTION average_stock(start timestamptz, until timestamptz)
RETURNS TABLE (sku text, warehouse_id text, quantity float8)
LANGUAGE sql STABLE AS $$
    SELECT s.sku, s.warehouse_id, h.quantity
    FROM stock s
    CROSS JOIN LATERAL (
        SELECT sum(l.quantity * l.seconds) / nullif(sum(l.seconds), 0) AS quantity
        FROM (
            SELECT l.quantity::float8 AS quantity,
                extract(epoch FROM greatest(lead(l.at, 1, least(until, now())) OVER (ORDER BY l.at, l.event_key), start)
                                   - greatest(l.at, start))::float8 AS seconds
            FROM stock_levels l
            WHERE l.sku = s.sku AND l.warehouse_id = s.warehouse_id AND l.at < least(until, now())
                AND l.at >= coalesce((
                    SELECT max(b.at)
                    FROM stock_levels b
                    WHERE b.sku = s.sku AND b.warehouse_id = s.warehouse_id AND b.at <= start), start)
        ) l
    ) h
    WHERE h.quantity IS NOT NULL
$$;

-- What lies where, by the latest level. product: the product's id, else the item's own.
CREATE VIEW stock_lines AS
SELECT
    s.sku, s.warehouse_id, s.quantity, s.reserved, s.minimum_stock, coalesce(i.product_id, s.sku) AS product,
    i.product_id, p.name, coalesce(p.sku, s.sku) AS product_sku, p.category,
    round(s.quantity * s.unit_cost * CASE WHEN coalesce(s.currency, b.currency) = b.currency THEN 1 ELSE fx.rate END,
          b.decimals) AS value
FROM stock s
CROSS JOIN reporting_basis b
LEFT JOIN (
    SELECT DISTINCT ON (sku) sku, product_id FROM products WHERE sku IS NOT NULL ORDER BY sku, sku_at DESC, product_id
) named ON named.sku = s.sku
CROSS JOIN LATERAL (SELECT coalesce(s.product_id, named.product_id) AS product_id) i
LEFT JOIN products p ON p.product_id = i.product_id
LEFT JOIN fx_rates fx ON fx.currency = s.currency AND fx.day = (s.at AT TIME ZONE b.zone)::date;

-- Money spent on marketing. NULL where its currency has no rate on its day.
CREATE VIEW spends AS
SELECT
    m.event_key, m.at, m.campaign, m.source,
    round(m.amount * CASE WHEN coalesce(m.currency, b.currency) = b.currency THEN 1 ELSE fx.rate END, b.decimals) AS money
FROM marketing_spends m
CROSS JOIN reporting_basis b
LEFT JOIN fx_rates fx ON fx.currency = m.currency AND fx.day = (m.at AT TIME ZONE b.zone)::date;
