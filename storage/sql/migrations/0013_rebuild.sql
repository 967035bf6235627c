-- Projections made again from the stored events that have been projected.

-- The business day and its first instant from which on all events are in the table; infinitely early where none has
-- been archived yet.
CREATE FUNCTION rebuild_cut(OUT day date, OUT at timestamptz) LANGUAGE plpgsql STABLE AS $$
DECLARE
    first timestamptz;
BEGIN
    day := '-infinity';
    at := '-infinity';
    SELECT to_date(min(right(inhrelid::regclass::text, 7)), 'YYYY_MM')::timestamp AT TIME ZONE 'UTC' INTO first
    FROM pg_inherits WHERE inhparent = 'analytics_events'::regclass;
    IF EXISTS (SELECT FROM event_quarters WHERE quarter < first) THEN
        SELECT min(d), min(day_start(d, b.zone)) INTO day, at
        FROM reporting_basis b, LATERAL (SELECT (first AT TIME ZONE b.zone)::date + n AS d FROM generate_series(0, 1) n) days
        WHERE day_start(d, b.zone) >= first;
    END IF;
END
$$;

-- Takes away what was made of events from then on alone; what knows of earlier ones stays, and learns nothing new
-- from events that it knows.
CREATE FUNCTION rebuild_clear(cut_day date, cut_at timestamptz) RETURNS void LANGUAGE sql AS $$
    DELETE FROM orders
    WHERE least(purchased_at, created_at, cancelled_at, status_at, fulfilled_at, returned_at) < cut_at IS NOT TRUE;
    DELETE FROM sessions
    WHERE least(first_at, seen_at, device_at, source_at, customer_at, page_at) >= cut_at;
    DELETE FROM customers WHERE first_seen_at >= cut_at;
    DELETE FROM products WHERE least(name_at, sku_at, category_at, brand_at) < cut_at IS NOT TRUE;
    DELETE FROM stock WHERE at >= cut_at;
    DELETE FROM shipments WHERE first_at >= cut_at;
    DELETE FROM fulfillments WHERE first_at >= cut_at;
    DELETE FROM returns WHERE least(requested_at, approved_at, rejected_at, completed_at, reason_at) < cut_at IS NOT TRUE;
    DELETE FROM payments WHERE at >= cut_at;
    DELETE FROM registrations WHERE at >= cut_at;
    DELETE FROM promotion_uses WHERE at >= cut_at;
    DELETE FROM marketing_spends WHERE at >= cut_at;
    DELETE FROM stock_levels WHERE at >= cut_at;
    DELETE FROM customer_days WHERE day >= cut_day;
    DELETE FROM sales_days WHERE day >= cut_day;
    DELETE FROM sales_hours WHERE hour >= cut_at;
    DELETE FROM category_days WHERE day >= cut_day;
    DELETE FROM product_days WHERE day >= cut_day;
    DELETE FROM session_days WHERE day >= cut_day;
    DELETE FROM active_days WHERE day >= cut_day;
    DELETE FROM event_quarters WHERE quarter >= cut_at;
$$;

-- Runs the statements of a projector's step over all pages of a month, some at a time. Returns the events.
CREATE FUNCTION rebuild_month(part oid, cut_at timestamptz, steps text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    at_once CONSTANT bigint := 256;
    page    bigint := 0;
    pages   bigint := pg_relation_size(part) / current_setting('block_size')::bigint;
    events bigint := 0;
    came   bigint;
    step   text;
BEGIN
    WHILE page < pages LOOP
        TRUNCATE projecting, projecting_rest, order_merges, session_merges, sale_changes, customer_day_changes;
        came := take_pages(part, page, at_once, cut_at, 'infinity');
        IF came > 0 THEN
            FOREACH step IN ARRAY steps LOOP
                EXECUTE step;
            END LOOP;
        END IF;
        events := events + came;
        page := page + at_once;
    END LOOP;
    RETURN events;
END
$$;

-- All of it, in one transaction: answers are of what was there before until it commits. steps: the statements of a
-- projector's step behind its first. Its caller holds pg_advisory_xact_lock(7023194586012448): nobody projects, so
-- that at any moment an event is either pending or one of those that are projected again here. Returns the events.
CREATE FUNCTION rebuild_projections(steps text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    cut    record;
    days   record;
    events bigint;
BEGIN
    SELECT * INTO cut FROM rebuild_cut();
    PERFORM open_projector();
    PERFORM rebuild_clear(cut.day, cut.at);
    SELECT coalesce(sum(rebuild_month(oid, cut.at, steps)), 0) INTO events
    FROM (SELECT inhrelid AS oid FROM pg_inherits WHERE inhparent = 'analytics_events'::regclass
          ORDER BY inhrelid::regclass::text COLLATE "C") p;
    -- Where entities that stayed have sums of days that did not.
    SELECT greatest(min(day), cut.day) AS first, max(day) + 1 AS until INTO days
    FROM (SELECT day FROM sales_days UNION ALL SELECT day FROM session_days UNION ALL SELECT day FROM customer_days) d;
    PERFORM make_sums(days.first, days.until);
    DROP TABLE projecting, projecting_rest, order_merges, session_merges, sale_changes, customer_day_changes;
    RETURN events;
END
$$;
