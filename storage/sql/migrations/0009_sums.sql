-- Sums made again from their entities: what the projector moves by differences, verified and put right.
-- Whoever calls these holds pg_advisory_xact_lock(7023194586012448), or the projector moves on meanwhile.
-- Each returns the name of a table and how many of its rows were wrong.

-- Revenue, orders, categories and products of business days. A table's rows and what they should be are compared
-- as a whole; rows of nothing are none.
CREATE FUNCTION make_sales_sums(first date, until date)
RETURNS TABLE (sum text, wrong bigint) LANGUAGE plpgsql AS $$
DECLARE
    from_at  timestamptz := (SELECT day_start(first, zone) FROM reporting_basis);
    until_at timestamptz := (SELECT day_start(until, zone) FROM reporting_basis);
BEGIN
    -- Orders by customer and day first: sums and answers count customers by them.
    sum := 'customer_days';
    WITH want AS (
        SELECT customer_id, day, count(*) AS orders
        FROM sales
        WHERE at >= from_at AND at < until_at AND customer_id IS NOT NULL
        GROUP BY customer_id, day
    ), put AS (
        INSERT INTO customer_days AS d (customer_id, day, orders)
        SELECT customer_id, day, orders FROM want
        ON CONFLICT (customer_id, day) DO UPDATE SET orders = excluded.orders WHERE d.orders <> excluded.orders
        RETURNING 1
    ), gone AS (
        UPDATE customer_days d SET orders = 0
        WHERE day >= first AND day < until AND orders <> 0
            AND NOT EXISTS (SELECT FROM want w WHERE w.customer_id = d.customer_id AND w.day = d.day)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM put) + (SELECT count(*) FROM gone) INTO wrong;
    RETURN NEXT;

    sum := 'sales_days';
    WITH want AS (
        SELECT
            s.day, count(*) AS orders, count(s.money) AS priced_orders, coalesce(sum(s.money), 0) AS money,
            coalesce(sum(i.money), 0) AS items_money, coalesce(sum(i.margin_price), 0) AS margin_price,
            coalesce(sum(i.margin_cost), 0) AS margin_cost, count(DISTINCT s.customer_id) AS customers
        FROM sales s
        LEFT JOIN (
            SELECT order_id, sum(money) AS money, sum(margin_price) AS margin_price, sum(margin_cost) AS margin_cost
            FROM sale_lines
            WHERE at >= from_at AND at < until_at
            GROUP BY order_id
        ) i USING (order_id)
        WHERE s.at >= from_at AND s.at < until_at
        GROUP BY s.day
    ), put AS (
        INSERT INTO sales_days AS d
        SELECT * FROM want
        ON CONFLICT (day) DO UPDATE SET
            orders = excluded.orders, priced_orders = excluded.priced_orders, money = excluded.money,
            items_money = excluded.items_money, margin_price = excluded.margin_price,
            margin_cost = excluded.margin_cost, customers = excluded.customers
        WHERE d IS DISTINCT FROM excluded
        RETURNING 1
    ), gone AS (
        DELETE FROM sales_days d
        WHERE day >= first AND day < until AND NOT EXISTS (SELECT FROM want w WHERE w.day = d.day)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM put) + (SELECT count(*) FROM gone) INTO wrong;
    RETURN NEXT;

    sum := 'sales_hours'; -- a day need not begin with an hour of UTC
    from_at := date_trunc('hour', from_at, 'UTC');
    until_at := date_trunc('hour', until_at + interval '1 hour' - interval '1 microsecond', 'UTC');
    WITH want AS (
        SELECT date_trunc('hour', at, 'UTC') AS hour, count(*) AS orders, count(money) AS priced_orders,
            coalesce(sum(money), 0) AS money
        FROM sales
        WHERE at >= from_at AND at < until_at
        GROUP BY 1
    ), put AS (
        INSERT INTO sales_hours AS h
        SELECT * FROM want
        ON CONFLICT (hour) DO UPDATE SET
            orders = excluded.orders, priced_orders = excluded.priced_orders, money = excluded.money
        WHERE h IS DISTINCT FROM excluded
        RETURNING 1
    ), gone AS (
        DELETE FROM sales_hours h
        WHERE hour >= from_at AND hour < until_at AND NOT EXISTS (SELECT FROM want w WHERE w.hour = h.hour)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM put) + (SELECT count(*) FROM gone) INTO wrong;
    RETURN NEXT;
END
$$;

CREATE FUNCTION make_item_sums(first date, until date)
RETURNS TABLE (sum text, wrong bigint) LANGUAGE plpgsql AS $$
DECLARE
    from_at  timestamptz := (SELECT day_start(first, zone) FROM reporting_basis);
    until_at timestamptz := (SELECT day_start(until, zone) FROM reporting_basis);
BEGIN
    sum := 'category_days';
    WITH want AS (
        SELECT day, coalesce(category, '') AS category, count(DISTINCT order_id) AS orders, sum(quantity) AS units,
            coalesce(sum(money), 0) AS money
        FROM sale_lines
        WHERE at >= from_at AND at < until_at
        GROUP BY 1, 2
    ), put AS (
        INSERT INTO category_days AS d
        SELECT * FROM want
        ON CONFLICT (day, category) DO UPDATE SET
            orders = excluded.orders, units = excluded.units, money = excluded.money
        WHERE d IS DISTINCT FROM excluded
        RETURNING 1
    ), gone AS (
        DELETE FROM category_days d
        WHERE day >= first AND day < until
            AND NOT EXISTS (SELECT FROM want w WHERE w.day = d.day AND w.category = d.category)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM put) + (SELECT count(*) FROM gone) INTO wrong;
    RETURN NEXT;

    -- views and cart_adds are counts, made by make_counts. An order that went after its rate had changed leaves money
    -- behind where it was the only one.
    sum := 'product_days';
    WITH want AS (
        SELECT
            day, product_id, count(DISTINCT order_id) AS orders, sum(quantity) AS units, coalesce(sum(money), 0) AS money,
            coalesce(sum(margin_price), 0) AS margin_price, coalesce(sum(margin_cost), 0) AS margin_cost
        FROM sale_lines
        WHERE at >= from_at AND at < until_at AND product_id IS NOT NULL
        GROUP BY 1, 2
    ), put AS (
        INSERT INTO product_days AS d (day, product_id, orders, units, money, margin_price, margin_cost)
        SELECT * FROM want
        ON CONFLICT (day, product_id) DO UPDATE SET
            orders = excluded.orders, units = excluded.units, money = excluded.money,
            margin_price = excluded.margin_price, margin_cost = excluded.margin_cost
        WHERE (d.orders, d.units, d.money, d.margin_price, d.margin_cost)
            IS DISTINCT FROM (excluded.orders, excluded.units, excluded.money, excluded.margin_price, excluded.margin_cost)
        RETURNING 1
    ), emptied AS (
        UPDATE product_days d
        SET orders = 0, units = 0, money = 0, margin_price = 0, margin_cost = 0
        WHERE day >= first AND day < until
            AND (orders, units, money, margin_price, margin_cost) IS DISTINCT FROM (0, 0, 0, 0, 0)
            AND NOT EXISTS (SELECT FROM want w WHERE w.day = d.day AND w.product_id = d.product_id)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM put) + (SELECT count(*) FROM emptied) INTO wrong;
    DELETE FROM product_days
    WHERE day >= first AND day < until AND orders = 0 AND views = 0 AND cart_adds = 0;
    RETURN NEXT;
END
$$;

-- Sessions and active customers.
CREATE FUNCTION make_visit_sums(first date, until date)
RETURNS TABLE (sum text, wrong bigint) LANGUAGE plpgsql AS $$
DECLARE
    from_at  timestamptz := (SELECT day_start(first, zone) FROM reporting_basis);
    until_at timestamptz := (SELECT day_start(until, zone) FROM reporting_basis);
BEGIN
    sum := 'session_days';
    WITH want AS (
        SELECT
            (s.first_at AT TIME ZONE b.zone)::date AS day, coalesce(s.device, '') AS device, coalesce(s.source, '') AS source,
            count(*) AS sessions, count(*) FILTER (WHERE s.bought) AS bought,
            count(*) FILTER (WHERE s.reached >= 1) AS reached1, count(*) FILTER (WHERE s.reached >= 2) AS reached2,
            count(*) FILTER (WHERE s.reached >= 3) AS reached3, count(*) FILTER (WHERE s.reached >= 4) AS reached4,
            count(*) FILTER (WHERE s.reached >= 5) AS reached5
        FROM sessions s CROSS JOIN reporting_basis b
        WHERE s.first_at >= from_at AND s.first_at < until_at
        GROUP BY 1, 2, 3
    ), put AS (
        INSERT INTO session_days AS d
        SELECT * FROM want
        ON CONFLICT (day, device, source) DO UPDATE SET
            sessions = excluded.sessions, bought = excluded.bought, reached1 = excluded.reached1,
            reached2 = excluded.reached2, reached3 = excluded.reached3, reached4 = excluded.reached4,
            reached5 = excluded.reached5
        WHERE d IS DISTINCT FROM excluded
        RETURNING 1
    ), gone AS (
        DELETE FROM session_days d
        WHERE day >= first AND day < until
            AND NOT EXISTS (SELECT FROM want w WHERE (w.day, w.device, w.source) = (d.day, d.device, d.source))
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM put) + (SELECT count(*) FROM gone) INTO wrong;
    RETURN NEXT;

    sum := 'active_days';
    UPDATE customer_days d
    SET previous_day = p.previous_day
    FROM (
        SELECT customer_id, day,
            coalesce((SELECT max(b.day) FROM customer_days b WHERE b.customer_id = c.customer_id AND b.day < c.day),
                     '-infinity') AS previous_day
        FROM customer_days c
        WHERE day >= first AND day < until
    ) p
    WHERE d.customer_id = p.customer_id AND d.day = p.day AND d.previous_day <> p.previous_day;
    WITH want AS (
        SELECT day, previous_day, count(*) AS customers
        FROM customer_days
        WHERE day >= first AND day < until
        GROUP BY 1, 2
    ), put AS (
        INSERT INTO active_days AS a
        SELECT * FROM want
        ON CONFLICT (day, previous_day) DO UPDATE SET customers = excluded.customers
        WHERE a.customers <> excluded.customers
        RETURNING 1
    ), gone AS (
        DELETE FROM active_days a
        WHERE day >= first AND day < until
            AND NOT EXISTS (SELECT FROM want w WHERE w.day = a.day AND w.previous_day = a.previous_day)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM put) + (SELECT count(*) FROM gone) INTO wrong;
    RETURN NEXT;
END
$$;

-- All sums of the business days from first up to, not including, until.
CREATE FUNCTION make_sums(first date, until date)
RETURNS TABLE (sum text, wrong bigint) LANGUAGE sql AS $$
    SELECT * FROM make_sales_sums(first, until)
    UNION ALL
    SELECT * FROM make_item_sums(first, until)
    UNION ALL
    SELECT * FROM make_visit_sums(first, until)
$$;

-- Are all the rows of analytics_events of these business days there, none of them archived?
CREATE FUNCTION days_are_raw(first date, until date) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT count(*) > 0 AND bool_and(EXISTS (
        SELECT FROM pg_inherits
        WHERE inhparent = 'analytics_events'::regclass
            AND inhrelid = to_regclass('analytics_events_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM'))))
    FROM reporting_basis b,
        LATERAL generate_series(date_trunc('month', day_start(first, b.zone), 'UTC'),
                                day_start(until, b.zone) - interval '1 microsecond', interval '1 month') AS month
$$;

-- Counts of events of business days, made again from the rows of analytics_events that have been projected.
-- Nothing happens to days that are not wholly there, nor to quarters of an hour that a limit of a day cuts.
CREATE FUNCTION make_counts(first date, until date)
RETURNS TABLE (sum text, wrong bigint) LANGUAGE plpgsql AS $$
DECLARE
    from_at  timestamptz := (SELECT day_start(first, zone) FROM reporting_basis);
    until_at timestamptz := (SELECT day_start(until, zone) FROM reporting_basis);
BEGIN
    IF NOT days_are_raw(first, until) THEN
        RETURN;
    END IF;
    sum := 'product_days';
    WITH want AS (
        SELECT
            (e.created_at AT TIME ZONE b.zone)::date AS day, e.product_id,
            count(*) FILTER (WHERE event_type = 'product_view') AS views,
            count(*) FILTER (WHERE event_type = 'add_to_cart') AS cart_adds
        FROM analytics_events e CROSS JOIN reporting_basis b
        WHERE e.created_at >= from_at AND e.created_at < until_at
            AND e.event_type IN ('product_view', 'add_to_cart') AND e.product_id IS NOT NULL
            AND (e.tableoid, e.ctid) NOT IN (SELECT part, row_id FROM pending_rows())
        GROUP BY 1, 2
    ), put AS (
        INSERT INTO product_days AS d (day, product_id, views, cart_adds)
        SELECT * FROM want
        ON CONFLICT (day, product_id) DO UPDATE SET views = excluded.views, cart_adds = excluded.cart_adds
        WHERE d.views <> excluded.views OR d.cart_adds <> excluded.cart_adds
        RETURNING 1
    ), emptied AS (
        UPDATE product_days d SET views = 0, cart_adds = 0
        WHERE day >= first AND day < until AND (views <> 0 OR cart_adds <> 0)
            AND NOT EXISTS (SELECT FROM want w WHERE w.day = d.day AND w.product_id = d.product_id)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM put) + (SELECT count(*) FROM emptied) INTO wrong;
    DELETE FROM product_days
    WHERE day >= first AND day < until AND orders = 0 AND views = 0 AND cart_adds = 0;
    RETURN NEXT;

    sum := 'event_quarters';
    from_at := date_bin('15 minutes', from_at + interval '15 minutes' - interval '1 microsecond', 'epoch');
    until_at := date_bin('15 minutes', until_at, 'epoch');
    WITH want AS (
        SELECT date_bin('15 minutes', created_at, 'epoch') AS quarter, event_type, count(*) AS events
        FROM analytics_events e
        WHERE created_at >= from_at AND created_at < until_at
            AND (tableoid, ctid) NOT IN (SELECT part, row_id FROM pending_rows())
        GROUP BY 1, 2
    ), put AS (
        INSERT INTO event_quarters AS q
        SELECT * FROM want
        ON CONFLICT (quarter, event_type) DO UPDATE SET events = excluded.events WHERE q.events <> excluded.events
        RETURNING 1
    ), gone AS (
        DELETE FROM event_quarters q
        WHERE quarter >= from_at AND quarter < until_at
            AND NOT EXISTS (SELECT FROM want w WHERE w.quarter = q.quarter AND w.event_type = q.event_type)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM put) + (SELECT count(*) FROM gone) INTO wrong;
    RETURN NEXT;
END
$$;

-- Customers' days from the business day first on, made of the rows of analytics_events that have been projected.
CREATE FUNCTION make_customer_days(first date) RETURNS void LANGUAGE sql AS $$
    DELETE FROM customer_days WHERE day >= first;
    INSERT INTO customer_days (customer_id, day, previous_day, first_at, last_at)
    SELECT
        customer_id, day,
        coalesce(lag(day) OVER (PARTITION BY customer_id ORDER BY day),
                 (SELECT max(d.day) FROM customer_days d WHERE d.customer_id = a.customer_id AND d.day < a.day), '-infinity'),
        first_at, last_at
    FROM (
        SELECT e.customer_id, (e.created_at AT TIME ZONE b.zone)::date AS day, min(e.created_at) AS first_at,
            max(e.created_at) AS last_at
        FROM analytics_events e CROSS JOIN reporting_basis b
        WHERE e.customer_id IS NOT NULL
            AND e.event_type IN ('page_view', 'product_view', 'add_to_cart', 'remove_from_cart', 'checkout', 'purchase',
                                 'customer_login', 'customer_registered')
            AND (e.tableoid, e.ctid) NOT IN (SELECT part, row_id FROM pending_rows())
        GROUP BY 1, 2
    ) a
    WHERE day >= first;
$$;

-- Counts in another currency or by other days from now on. Everything is made again in the one transaction, so
-- that answers are of the one or of the other; customers' days and counts of events only where the rows of
-- analytics_events are there. False: somebody else projects now, ask again.
CREATE FUNCTION rebase(new_currency text, new_decimals integer, new_zone text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    was     reporting_basis;
    first   date;
    until   date;
    raw     timestamptz;
    raw_day date;
BEGIN
    SELECT * INTO was FROM reporting_basis;
    IF (was.currency, was.decimals, was.zone) = (new_currency, new_decimals, new_zone) THEN
        RETURN true;
    END IF;
    IF NOT pg_try_advisory_xact_lock(7023194586012448) THEN
        RETURN false;
    END IF;
    UPDATE reporting_basis SET currency = new_currency, decimals = new_decimals, zone = new_zone;
    IF was.zone <> new_zone THEN
        -- The first month whose rows are there; nothing is older where nothing has been archived.
        SELECT to_date(min(right(inhrelid::regclass::text, 7)), 'YYYY_MM')::timestamp AT TIME ZONE 'UTC' INTO raw
        FROM pg_inherits WHERE inhparent = 'analytics_events'::regclass;
        raw_day := '-infinity';
        IF EXISTS (SELECT FROM customer_days WHERE first_at < raw) THEN
            raw_day := (raw AT TIME ZONE new_zone)::date + 1;
        END IF;
        PERFORM make_customer_days(raw_day);
    END IF;
    SELECT min(day), max(day) + 2 INTO first, until
    FROM (
        SELECT day FROM sales_days UNION SELECT day FROM session_days UNION SELECT day FROM active_days
        UNION SELECT day FROM product_days UNION SELECT day FROM customer_days
    ) d;
    first := first - 1;
    IF was.zone <> new_zone THEN
        PERFORM make_counts(greatest(first, raw_day, (raw AT TIME ZONE new_zone)::date + 1), until);
    END IF;
    PERFORM make_sums(first, until);
    RETURN true;
END
$$;
