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
CREATE TABLE rebuild_marks (id bigint PRIMARY KEY, part oid NOT NULL, row_ids tid[] NOT NULL, lo tid NOT NULL, hi tid NOT NULL,
    events integer GENERATED ALWAYS AS (cardinality(row_ids)) STORED);
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
            SELECT id FROM (SELECT id, sum(m.events) OVER (ORDER BY id) - m.events AS before
                            FROM rebuild_marks m) c
            WHERE before < take_rebuild.rows
        ), taken AS (
            DELETE FROM rebuild_marks m USING chosen c WHERE m.id = c.id RETURNING m.part, m.row_ids
        )
        SELECT sum(take_events(t.part, t.row_ids)) INTO events
        FROM (SELECT part, array_agg(row_id) AS row_ids FROM taken, unnest(row_ids) AS row_id GROUP BY part) t;
    END IF;
    events := coalesce(events, 0);
    SELECT coalesce(sum(greatest(r.pages - r.next_page, 0)), 0) INTO left_pages FROM rebuild_parts r;
    SELECT coalesce(sum(m.events), 0) INTO left_rows FROM rebuild_marks m;
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
