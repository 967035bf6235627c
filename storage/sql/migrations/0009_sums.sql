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

    sum := 'product_days'; -- views and cart_adds are counts, made by make_counts
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
        WHERE day >= first AND day < until AND (orders, units, money, margin_price, margin_cost) <> (0, 0, 0, 0, 0)
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
            (s.first_at AT TIME ZONE b.zone)::date AS day, count(*) AS sessions, count(*) FILTER (WHERE s.bought) AS bought,
            count(*) FILTER (WHERE s.reached >= 1) AS reached1, count(*) FILTER (WHERE s.reached >= 2) AS reached2,
            count(*) FILTER (WHERE s.reached >= 3) AS reached3, count(*) FILTER (WHERE s.reached >= 4) AS reached4,
            count(*) FILTER (WHERE s.reached >= 5) AS reached5
        FROM sessions s CROSS JOIN reporting_basis b
        WHERE s.first_at >= from_at AND s.first_at < until_at
        GROUP BY 1
    ), put AS (
        INSERT INTO session_days AS d
        SELECT * FROM want
        ON CONFLICT (day) DO UPDATE SET
            sessions = excluded.sessions, bought = excluded.bought, reached1 = excluded.reached1,
            reached2 = excluded.reached2, reached3 = excluded.reached3, reached4 = excluded.reached4,
            reached5 = excluded.reached5
        WHERE d IS DISTINCT FROM excluded
        RETURNING 1
    ), gone AS (
        DELETE FROM session_days d
        WHERE day >= first AND day < until AND NOT EXISTS (SELECT FROM want w WHERE w.day = d.day)
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

-- Rebuilding, online: all projections are made anew in a schema of their own, by the same statements as ever
-- (search_path picks the tables), from the months whose events are there on top of what is older. Meanwhile the
-- projector goes on, and leaves a copy of each mark that it takes. Every row of analytics_events is either named by
-- a mark that waits or by a copy, or was projected before the rebuild began: the last are read page by page, the
-- copies are followed. When none is left, what is wrong in the live tables is put right, some keys at a time, while
-- the projector waits: entities first, so that sums which are right stay so. Answers never miss a table or a row,
-- and no statement, view or index has to change.
-- Whoever changes or deletes rows of analytics_events disturbs a rebuild, which then begins again.
CREATE SCHEMA rebuilding;
CREATE TABLE rebuilds (
    only_row   boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    begun_at   timestamptz NOT NULL,
    touched_at timestamptz NOT NULL,                -- by its run; when that is gone no more copies are made
    disturbed  boolean     NOT NULL DEFAULT false,
    raw_from   timestamptz NOT NULL,                -- what is older is not in analytics_events any more
    heal_table integer     NOT NULL DEFAULT 1,      -- how far the live tables have been put right
    heal_after text
);
CREATE TABLE rebuild_parts (part oid PRIMARY KEY, pages bigint NOT NULL, next_page bigint NOT NULL DEFAULT 0);
CREATE TABLE rebuild_marks (id bigint PRIMARY KEY, part oid NOT NULL, row_ids tid[] NOT NULL, lo tid NOT NULL, hi tid NOT NULL);
CREATE TABLE rebuild_days (day date PRIMARY KEY);   -- whose rates have changed meanwhile

CREATE FUNCTION disturb_rebuild() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE rebuilds SET disturbed = true WHERE NOT disturbed;
    RETURN NULL;
END
$$;
CREATE TRIGGER events_disturb_rebuild AFTER UPDATE OR DELETE ON analytics_events
    FOR EACH ROW EXECUTE FUNCTION disturb_rebuild();
CREATE TRIGGER basis_disturbs_rebuild AFTER UPDATE ON reporting_basis
    FOR EACH ROW EXECUTE FUNCTION disturb_rebuild();

CREATE FUNCTION note_rebuild_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rebuild_days SELECT NEW.day FROM rebuilds ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER stale_days_of_rebuild AFTER INSERT ON stale_days FOR EACH ROW EXECUTE FUNCTION note_rebuild_day();

-- The tables, in the order in which they are put right, and which rows of theirs are older than a moment or day.
CREATE FUNCTION rebuilt_tables() RETURNS TABLE (n integer, name text, older text) LANGUAGE sql IMMUTABLE AS $$
    VALUES
        (1, 'orders', 'least(purchased_at, created_at, cancelled_at, status_at, fulfilled_at, returned_at) < $1'),
        (2, 'sessions', 'least(seen_at, first_at, device_at, source_at, customer_at, page_at) < $1'),
        (3, 'customers', 'first_seen_at < $1'),
        (4, 'customer_days', 'first_at < $1 OR day < $2'),
        (5, 'products', 'least(name_at, sku_at, category_at, brand_at) < $1'),
        (6, 'stock', 'at < $1'),
        (7, 'shipments', 'first_at < $1'),
        (8, 'fulfillments', 'first_at < $1'),
        (9, 'returns', 'least(requested_at, approved_at, rejected_at, completed_at) < $1'),
        (10, 'payments', 'at < $1'),
        (11, 'registrations', 'at < $1'),
        (12, 'promotion_uses', 'at < $1'),
        (13, 'marketing_spends', 'at < $1'),
        (14, 'stock_levels', 'at < $1'),
        (15, 'sales_days', 'day < $2'),
        (16, 'sales_hours', 'hour < $1'),
        (17, 'category_days', 'day < $2'),
        (18, 'product_days', 'day < $2'),
        (19, 'session_days', 'day < $2'),
        (20, 'active_days', 'day < $2'),
        (21, 'event_quarters', 'quarter < $1')
$$;

CREATE FUNCTION drop_rebuild() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    t text;
BEGIN
    FOR t IN SELECT name FROM rebuilt_tables() LOOP
        EXECUTE format('DROP TABLE IF EXISTS rebuilding.%I CASCADE', t); -- its views with it
    END LOOP;
    DELETE FROM rebuilds;
    DELETE FROM rebuild_parts;
    DELETE FROM rebuild_marks;
    DELETE FROM rebuild_days;
END
$$;

-- From here on the projector leaves copies. False: not while a person is being erased, ask again.
CREATE FUNCTION begin_rebuild() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    t          text;
    definition text;
BEGIN
    PERFORM pg_advisory_xact_lock(7023194586012448);
    PERFORM drop_rebuild();
    IF EXISTS (SELECT FROM erasures WHERE finished_at IS NULL) THEN
        RETURN false;
    END IF;
    FOR t IN SELECT name FROM rebuilt_tables() LOOP
        EXECUTE format('CREATE TABLE rebuilding.%I (LIKE public.%I INCLUDING ALL)', t, t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['sales', 'sale_lines'] LOOP
        definition := pg_get_viewdef(format('public.%I', t)::regclass);
        PERFORM set_config('search_path', 'rebuilding, public', true);
        EXECUTE format('CREATE VIEW rebuilding.%I AS %s', t, definition);
        PERFORM set_config('search_path', 'public', true);
    END LOOP;
    INSERT INTO rebuild_parts (part, pages)
    SELECT relid, pg_relation_size(relid) / current_setting('block_size')::bigint
    FROM pg_partition_tree('analytics_events') WHERE isleaf;
    INSERT INTO rebuilds (begun_at, touched_at, raw_from)
    SELECT now(), clock_timestamp(),
        coalesce(min(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''(.*)''\) TO')::timestamptz), now())
    FROM rebuild_parts p JOIN pg_class c ON c.oid = p.part;
    RETURN true;
END
$$;

-- What is older comes from the live tables, all of one moment: the caller's transaction is REPEATABLE READ. Of the
-- day on which the events begin, the counts of before are what the events since do not explain.
CREATE FUNCTION seed_rebuild() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    t       record;
    raw     timestamptz := (SELECT raw_from FROM rebuilds);
    raw_day date := (SELECT (raw AT TIME ZONE zone)::date FROM reporting_basis);
BEGIN
    FOR t IN SELECT name, older FROM rebuilt_tables() LOOP
        EXECUTE format('INSERT INTO rebuilding.%I SELECT * FROM public.%I WHERE %s AND ($1, $2) IS NOT NULL',
                       t.name, t.name, '(' || t.older || ')') USING raw, raw_day;
    END LOOP;
    -- What of the days since then they make up already; the events move it on.
    PERFORM set_config('search_path', 'rebuilding, public', true);
    PERFORM make_sums(raw_day, current_date + 2);
    INSERT INTO rebuilding.product_days AS d (day, product_id, views, cart_adds)
    SELECT p.day, p.product_id, p.views - coalesce(e.views, 0), p.cart_adds - coalesce(e.cart_adds, 0)
    FROM public.product_days p
    LEFT JOIN (
        SELECT e.product_id, count(*) FILTER (WHERE event_type = 'product_view') AS views,
            count(*) FILTER (WHERE event_type = 'add_to_cart') AS cart_adds
        FROM analytics_events e CROSS JOIN reporting_basis b
        WHERE e.created_at >= raw AND e.created_at < day_start(raw_day + 1, b.zone)
            AND (e.tableoid, e.ctid) NOT IN (SELECT part, row_id FROM pending_rows())
        GROUP BY 1
    ) e USING (product_id)
    WHERE p.day = raw_day AND (p.views, p.cart_adds) IS DISTINCT FROM (coalesce(e.views, 0), coalesce(e.cart_adds, 0))
    ON CONFLICT (day, product_id) DO UPDATE SET views = excluded.views, cart_adds = excluded.cart_adds;
END
$$;

-- Is the rebuild still good? What its run does once in each of its transactions.
CREATE FUNCTION touch_rebuild() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE rebuilds SET touched_at = clock_timestamp()
    WHERE NOT disturbed AND touched_at > clock_timestamp() - interval '5 minutes'
        AND NOT EXISTS (SELECT FROM erasures WHERE finished_at IS NULL OR finished_at >= begun_at);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the rebuild was disturbed' USING ERRCODE = 'AR001';
    END IF;
END
$$;

-- Gives the next events to the statements of a step: some pages, or, when all have been read, some copies.
-- left_pages: of all partitions; left_rows: how many the copies still name.
CREATE FUNCTION take_rebuild(pages integer, rows integer, OUT events bigint, OUT left_pages bigint, OUT left_rows bigint)
LANGUAGE plpgsql AS $$
DECLARE
    p     rebuild_parts;
    first tid;
    after tid;
BEGIN
    PERFORM touch_rebuild();
    SELECT * INTO p FROM rebuild_parts r WHERE r.next_page < r.pages ORDER BY part LIMIT 1;
    IF FOUND THEN
        IF NOT EXISTS (SELECT FROM pg_class WHERE oid = p.part) THEN
            RAISE EXCEPTION 'a month was archived meanwhile' USING ERRCODE = 'AR001';
        END IF;
        first := format('(%s,0)', p.next_page)::tid;
        after := format('(%s,0)', least(p.next_page + take_rebuild.pages, p.pages))::tid;
        EXECUTE format(
            'SELECT take_events($1, array_agg(e.ctid)) FROM %s e WHERE e.ctid >= $2 AND e.ctid < $3 AND e.ctid NOT IN ('
            'SELECT w.row_id FROM pending_rows() w WHERE w.part = $1 UNION ALL '
            'SELECT unnest(m.row_ids) FROM rebuild_marks m WHERE m.part = $1 AND m.lo < $3 AND m.hi >= $2)', p.part::regclass)
            INTO events USING p.part, first, after;
        UPDATE rebuild_parts r SET next_page = r.next_page + take_rebuild.pages WHERE r.part = p.part;
    ELSE
        WITH chosen AS (
            SELECT id FROM (SELECT id, sum(cardinality(row_ids)) OVER (ORDER BY id) - cardinality(row_ids) AS before
                            FROM rebuild_marks) c
            WHERE before < take_rebuild.rows
        ), taken AS (
            DELETE FROM rebuild_marks m USING chosen c WHERE m.id = c.id RETURNING m.part, m.row_ids
        )
        SELECT sum(take_events(t.part, t.row_ids)) INTO events
        FROM (SELECT part, array_agg(row_id) AS row_ids FROM taken, unnest(row_ids) AS row_id GROUP BY part) t;
    END IF;
    events := coalesce(events, 0);
    SELECT coalesce(sum(greatest(r.pages - r.next_page, 0)), 0) INTO left_pages FROM rebuild_parts r;
    SELECT coalesce(sum(cardinality(row_ids)), 0) INTO left_rows FROM rebuild_marks;
END
$$;

-- Puts some keys of the live tables right, once the rebuild has come up with them; the caller keeps the projector
-- away. Returns the table, how many rows of it were wrong, whether all is done, and whether events wait meanwhile.
CREATE FUNCTION heal_from_rebuild(keys integer, OUT name text, OUT wrong bigint, OUT done boolean, OUT waiting boolean)
LANGUAGE plpgsql AS $$
DECLARE
    r        rebuilds;
    key_type text;
    key      text;
    upto     text;
    pk       text[];
    cols     text;
    span     text := '';
    same     text;
    n        bigint;
    d        date;
BEGIN
    wrong := 0;
    done := false;
    waiting := EXISTS (SELECT FROM projection_marks WHERE NOT set_aside AND made_at < clock_timestamp() - interval '1 second');
    IF EXISTS (SELECT FROM rebuild_marks) OR EXISTS (SELECT FROM rebuild_parts p WHERE p.next_page < p.pages) THEN
        RETURN;
    END IF;
    -- Other rates since then.
    FOR d IN DELETE FROM rebuild_days RETURNING day LOOP
        PERFORM make_sums(d, d + 1);
    END LOOP;
    SELECT * INTO r FROM rebuilds;
    SELECT t.name INTO name FROM rebuilt_tables() t WHERE t.n = r.heal_table;
    SELECT array_agg(quote_ident(a.attname) ORDER BY array_position(i.indkey, a.attnum)),
        min(format_type(a.atttypid, NULL)) FILTER (WHERE a.attnum = i.indkey[0])
    INTO pk, key_type
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = format('public.%I', name)::regclass AND i.indisprimary;
    key := pk[1];
    SELECT string_agg(format('%1$I = excluded.%1$I', attname), ', ') INTO cols
    FROM pg_attribute WHERE attrelid = format('public.%I', name)::regclass AND attnum > 0 AND NOT attisdropped;
    same := (SELECT string_agg(format('l.%1$s = s.%1$s', k), ' AND ') FROM unnest(pk) AS k);
    IF r.heal_after IS NOT NULL THEN
        span := format(' AND %s > %L::%s', key, r.heal_after, key_type);
    END IF;
    EXECUTE format('SELECT (SELECT %1$s::text FROM rebuilding.%2$I WHERE true %3$s ORDER BY %1$s OFFSET %4$s LIMIT 1)',
                   key, name, span, keys) INTO upto;
    IF upto IS NOT NULL THEN
        span := span || format(' AND %s <= %L::%s', key, upto, key_type);
    END IF;
    EXECUTE format('DELETE FROM public.%1$I l WHERE true %2$s AND NOT EXISTS (SELECT FROM rebuilding.%1$I s WHERE %3$s)',
                   name, span, same);
    GET DIAGNOSTICS n = ROW_COUNT;
    wrong := n;
    EXECUTE format(
        'INSERT INTO public.%1$I SELECT s.* FROM (SELECT * FROM rebuilding.%1$I WHERE true %2$s) s LEFT JOIN public.%1$I l '
        'ON %3$s WHERE l IS DISTINCT FROM s ON CONFLICT (%4$s) DO UPDATE SET %5$s',
        name, span, same, array_to_string(pk, ', '), cols);
    GET DIAGNOSTICS n = ROW_COUNT;
    wrong := wrong + n;
    IF upto IS NULL THEN
        done := r.heal_table = (SELECT max(t.n) FROM rebuilt_tables() t);
        UPDATE rebuilds SET heal_table = heal_table + 1, heal_after = NULL;
    ELSE
        UPDATE rebuilds SET heal_after = upto;
    END IF;
    IF done THEN
        PERFORM drop_rebuild();
    END IF;
END
$$;
