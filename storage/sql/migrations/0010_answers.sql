-- What answers about money are made of. Each figure has one definition here, so that no two answers differ: whole
-- business days come from the sums, what the range cuts of other days from the orders themselves. They are written in
-- PL/pgSQL for its plans, which live as long as a connection: to plan such a statement takes longer than to run it.

CREATE INDEX orders_currency ON orders (currency, purchased_at) WHERE purchased_at IS NOT NULL AND currency IS NOT NULL;

-- The parts of days that [start, until) cuts: none, one or two, none of them empty.
CREATE FUNCTION range_edges(start timestamptz, until timestamptz) RETURNS TABLE (lo timestamptz, hi timestamptz)
LANGUAGE sql STABLE AS $$
    WITH w AS MATERIALIZED (SELECT * FROM whole_days(start, until))
    SELECT e.lo, e.hi
    FROM w CROSS JOIN LATERAL (VALUES (start, w.head_until), (w.tail_from, until)) AS e (lo, hi)
    WHERE e.lo < e.hi
$$;

-- Orders of [start, until) and their money. priced_orders: those whose money counts.
CREATE FUNCTION sales_totals(start timestamptz, until timestamptz)
RETURNS TABLE (orders bigint, priced_orders bigint, money numeric, items_money numeric, margin_price numeric,
               margin_cost numeric)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH w AS MATERIALIZED (
        SELECT * FROM whole_days(start, until)
    ), edges AS MATERIALIZED (
        SELECT * FROM range_edges(start, until)
    ), parts AS (
        SELECT d.orders, d.priced_orders, d.money, d.items_money, d.margin_price, d.margin_cost
        FROM w JOIN sales_days d ON d.day >= w.first_day AND d.day < w.after_day
        UNION ALL
        SELECT 1, (s.money IS NOT NULL)::integer, s.money, 0, 0, 0
        FROM edges e JOIN sales s ON s.at >= e.lo AND s.at < e.hi
        UNION ALL
        SELECT 0, 0, 0, l.money, l.margin_price, l.margin_cost
        FROM edges e JOIN sale_lines l ON l.at >= e.lo AND l.at < e.hi
    )
    SELECT coalesce(sum(orders), 0)::bigint, coalesce(sum(priced_orders), 0)::bigint, coalesce(sum(money), 0),
        coalesce(sum(items_money), 0), coalesce(sum(margin_price), 0), coalesce(sum(margin_cost), 0)
    FROM parts;
END
$$;

-- The same by the items' category; NULL: of items that name none. orders: distinct.
CREATE FUNCTION category_sales(start timestamptz, until timestamptz)
RETURNS TABLE (category text, orders bigint, units numeric, money numeric)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH w AS MATERIALIZED (
        SELECT * FROM whole_days(start, until)
    ), edges AS MATERIALIZED (
        SELECT * FROM range_edges(start, until)
    ), parts AS (
        SELECT nullif(d.category, '') AS category, d.orders, d.units, d.money
        FROM w JOIN category_days d ON d.day >= w.first_day AND d.day < w.after_day
        UNION ALL
        SELECT l.category, count(DISTINCT l.order_id), sum(l.quantity), sum(l.money)
        FROM edges e JOIN sale_lines l ON l.at >= e.lo AND l.at < e.hi
        GROUP BY l.category
    )
    SELECT category, sum(orders)::bigint, sum(units), coalesce(sum(money), 0)
    FROM parts
    GROUP BY category
    HAVING sum(orders) > 0;
END
$$;

-- And by product.
CREATE FUNCTION product_sales(start timestamptz, until timestamptz)
RETURNS TABLE (product_id text, orders bigint, units numeric, money numeric, margin_price numeric, margin_cost numeric)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH w AS MATERIALIZED (
        SELECT * FROM whole_days(start, until)
    ), edges AS MATERIALIZED (
        SELECT * FROM range_edges(start, until)
    ), parts AS (
        SELECT d.product_id, d.orders, d.units, d.money, d.margin_price, d.margin_cost
        FROM w JOIN product_days d ON d.day >= w.first_day AND d.day < w.after_day
        WHERE d.orders > 0
        UNION ALL
        SELECT l.product_id, count(DISTINCT l.order_id), sum(l.quantity), sum(l.money), sum(l.margin_price),
            sum(l.margin_cost)
        FROM edges e JOIN sale_lines l ON l.at >= e.lo AND l.at < e.hi
        GROUP BY l.product_id
    )
    SELECT product_id, sum(orders)::bigint, sum(units), coalesce(sum(money), 0), sum(margin_price), sum(margin_cost)
    FROM parts
    GROUP BY product_id;
END
$$;

-- The local hours, days, weeks (from their Monday) or months that touch [start, until), whole, in their order. An
-- hour begins where the clock shows a full one, and where it is changed. A day that a zone left out when it crossed
-- the date line has no length and is none.
CREATE FUNCTION periods(start timestamptz, until timestamptz, zone text, unit text)
RETURNS TABLE (n integer, label text, from_at timestamptz, until_at timestamptz) LANGUAGE sql STABLE AS $$
    WITH starts AS (
        SELECT day_start(d::date, zone) AS at, to_char(d, 'YYYY-MM-DD') AS label
        FROM generate_series(
            date_trunc(unit, start AT TIME ZONE zone),
            date_trunc(unit, (until - interval '1 microsecond') AT TIME ZONE zone) + ('1 ' || unit)::interval,
            ('1 ' || unit)::interval) AS d
        WHERE unit <> 'hour'
        UNION ALL
        SELECT q, to_char(q AT TIME ZONE zone, 'YYYY-MM-DD"T"HH24:MI:SS')
            || CASE WHEN o.ahead < interval '0' THEN '-' ELSE '+' END
            || to_char(greatest(o.ahead, -o.ahead), 'HH24:MI')
        FROM generate_series(date_bin('15 minutes', start, 'epoch') - interval '1 hour', until + interval '1 hour',
                             '15 minutes') AS q
        CROSS JOIN LATERAL (SELECT (q AT TIME ZONE zone) - (q AT TIME ZONE 'UTC') AS ahead) o
        WHERE unit = 'hour' AND date_trunc('hour', q, zone) <> date_trunc('hour', q - interval '15 minutes', zone)
    ), whole AS (
        SELECT label, at, lead(at) OVER (ORDER BY at, label) AS until_at
        FROM starts
    )
    SELECT row_number() OVER (ORDER BY at)::integer, label, at, until_at
    FROM whole
    WHERE at < until_at AND until_at > start AND at < until
$$;

-- Is a period over, and no stored event of it uncounted?
CREATE FUNCTION is_final(from_at timestamptz, until_at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT until_at <= now() AND NOT pending_between(from_at, until_at)
$$;

-- Orders, their money and their distinct customers, by period.
CREATE FUNCTION sale_points(start timestamptz, until timestamptz, zone text, unit text)
RETURNS TABLE (label text, orders bigint, priced_orders bigint, money numeric, customers bigint, final boolean)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH p AS MATERIALIZED (
        SELECT * FROM periods(start, until, zone, unit)
    ), starts AS MATERIALIZED (
        SELECT array_agg(from_at ORDER BY n) AS at FROM p
    ), summed AS MATERIALIZED (
        -- Distinct customers add up over nothing: only the business day itself has its sum.
        SELECT sale_points.unit = 'day' AND sale_points.zone = b.zone AS days FROM reporting_basis b
    ), edges AS MATERIALIZED (
        SELECT e.lo, e.hi FROM range_edges(start, until) e, summed WHERE summed.days
        UNION ALL
        SELECT start, until FROM summed WHERE NOT summed.days
    ), parts AS (
        SELECT p.n, d.orders, d.priced_orders, d.money, d.customers
        FROM summed
        JOIN whole_days(start, until) w ON summed.days
        JOIN sales_days d ON d.day >= w.first_day AND d.day < w.after_day
        JOIN p ON p.label = to_char(d.day, 'YYYY-MM-DD')
        UNION ALL
        SELECT width_bucket(s.at, (SELECT at FROM starts)) AS n, count(*), count(s.money), sum(s.money),
            count(DISTINCT s.customer_id)
        FROM edges e JOIN sales s ON s.at >= e.lo AND s.at < e.hi
        GROUP BY 1
    )
    SELECT p.label, coalesce(parts.orders, 0), coalesce(parts.priced_orders, 0), coalesce(parts.money, 0),
        coalesce(parts.customers, 0), is_final(p.from_at, p.until_at)
    FROM p LEFT JOIN parts USING (n)
    ORDER BY p.n;
END
$$;

-- Items of a category and of a brand (NULL: of any; '': of items that name none).
CREATE FUNCTION lines_of(start timestamptz, until timestamptz, categories text[], brands text[])
RETURNS SETOF sale_lines LANGUAGE sql STABLE AS $$
    SELECT *
    FROM sale_lines l
    WHERE l.at >= start AND l.at < until
        AND (categories IS NULL OR coalesce(l.category, '') = ANY (categories))
        AND (brands IS NULL OR coalesce(l.brand, '') = ANY (brands))
$$;

-- Orders whose latest status is one of these, with their money.
CREATE FUNCTION sales_with(start timestamptz, until timestamptz, statuses text[])
RETURNS TABLE (at timestamptz, money numeric) LANGUAGE sql STABLE AS $$
    SELECT s.at, s.money
    FROM sales s JOIN orders o USING (order_id)
    WHERE s.at >= start AND s.at < until AND o.purchased_at >= start AND o.purchased_at < until
        AND o.status = ANY (statuses)
$$;

-- What happened to each product in [start, until). Sums by day count views and what was put into carts; of the parts
-- of days that the range cuts, the events themselves are counted.
CREATE FUNCTION product_activity(start timestamptz, until timestamptz)
RETURNS TABLE (product_id text, views bigint, cart_adds bigint, orders bigint, units numeric, money numeric,
               margin_price numeric, margin_cost numeric)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH w AS MATERIALIZED (
        SELECT * FROM whole_days(start, until)
    ), edges AS MATERIALIZED (
        SELECT * FROM range_edges(start, until)
    ), parts AS (
        SELECT d.product_id, d.views, d.cart_adds, d.orders, d.units, d.money, d.margin_price, d.margin_cost
        FROM w JOIN product_days d ON d.day >= w.first_day AND d.day < w.after_day
        UNION ALL
        SELECT l.product_id, 0, 0, count(DISTINCT l.order_id), sum(l.quantity), sum(l.money), sum(l.margin_price),
            sum(l.margin_cost)
        FROM edges e JOIN sale_lines l ON l.at >= e.lo AND l.at < e.hi
        GROUP BY l.product_id
        UNION ALL
        SELECT v.product_id, count(*) FILTER (WHERE v.event_type = 'product_view'),
            count(*) FILTER (WHERE v.event_type = 'add_to_cart'), 0, 0, 0, 0, 0
        FROM edges e JOIN analytics_events v ON v.created_at >= e.lo AND v.created_at < e.hi
        WHERE v.event_type IN ('product_view', 'add_to_cart') AND v.product_id IS NOT NULL
        GROUP BY v.product_id
    )
    SELECT product_id, sum(views)::bigint, sum(cart_adds)::bigint, sum(orders)::bigint, sum(units),
        coalesce(sum(money), 0), sum(margin_price), sum(margin_cost)
    FROM parts
    GROUP BY product_id;
END
$$;

-- The products of some categories (NULL: all) and what happened to each in [start, until), none left out.
CREATE FUNCTION product_figures(start timestamptz, until timestamptz, categories text[])
RETURNS TABLE (product_id text, name text, sku text, category text, brand text, views bigint, cart_adds bigint,
               orders bigint, units numeric, money numeric, margin float8, conversion float8)
LANGUAGE sql STABLE AS $$
    SELECT product_id, p.name, p.sku, p.category, p.brand, coalesce(a.views, 0), coalesce(a.cart_adds, 0),
        coalesce(a.orders, 0), coalesce(a.units, 0), coalesce(a.money, 0),
        (100 * (a.margin_price - a.margin_cost) / nullif(a.margin_price, 0))::float8,
        100 * a.orders::float8 / nullif(a.views, 0)
    FROM products p FULL JOIN product_activity(start, until) a USING (product_id)
    WHERE categories IS NULL OR coalesce(p.category, '') = ANY (categories)
$$;
