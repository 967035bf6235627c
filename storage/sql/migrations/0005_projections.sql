-- Projections: what answers are made of. Three kinds of tables, all kept by the projector from stored events:
--   entities (an order, a session, a shipment ...): facts that merge in any order, so that events may come late,
--     out of order or through the projector twice;
--   facts (a payment, a stock level ...): one row an event, by its key;
--   sums: of entities by business day or hour, and plain counts of events, moved in the transaction that moved
--     the entities, by the difference it made; a day can be recomputed from its entities at any time.
-- Whoever projects, rebuilds, or rewrites rows of analytics_events holds pg_advisory_xact_lock(7023194586012448).

-- What money and days are counted in: the settings of the service, written by it at its start.
CREATE TABLE reporting_basis (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    currency text    NOT NULL,
    decimals integer NOT NULL,
    zone     text    NOT NULL                       -- of the business day
);
INSERT INTO reporting_basis (currency, decimals, zone) VALUES ('USD', 2, 'UTC');

-- Stored events that are not projected yet: one row a batch and partition, written by the transaction that
-- stored them, taken away by the one that projected them.
CREATE TABLE projection_marks (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_at   timestamptz NOT NULL DEFAULT now(),
    part      oid         NOT NULL,                 -- the partition
    row_ids   tid[]       NOT NULL,                 -- their ctids in it
    events    integer     GENERATED ALWAYS AS (cardinality(row_ids)) STORED, -- how many; row_ids is costly to read
    from_at   timestamptz NOT NULL,                 -- first and last event time
    to_at     timestamptz NOT NULL,
    attempts  integer     NOT NULL DEFAULT 0,
    set_aside boolean     NOT NULL DEFAULT false    -- it failed by itself too often, and others go on
);

-- Days whose sums have to be made again from their entities, e.g. because of a new rate.
CREATE TABLE stale_days (
    day date PRIMARY KEY
);

CREATE FUNCTION mark_stale_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO stale_days VALUES (OLD.day) ON CONFLICT DO NOTHING;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO stale_days VALUES (NEW.day) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER fx_rates_change_days AFTER INSERT OR UPDATE OR DELETE ON fx_rates
    FOR EACH ROW EXECUTE FUNCTION mark_stale_days();

-- Entities

CREATE TABLE orders (
    order_id      text PRIMARY KEY,
    purchased_at  timestamptz,                      -- the earliest purchase: the order is what it says
    purchased_by  uuid,                             -- its event_key, which decides between equal times
    customer_id   text,
    customer_name text,                             -- masked
    session_id    text,
    source        text,                             -- traffic_source
    amount        numeric,                          -- major units of currency
    currency      text,                             -- NULL: the reporting currency
    items         jsonb,
    created_at    timestamptz,                      -- first order_created
    cancelled_at  timestamptz,                      -- first order_cancelled
    status        text,                             -- latest new_status, as sent
    status_at     timestamptz,
    status_by     uuid,
    fulfilled_at  timestamptz,                      -- first COMPLETED fulfilment
    returned_at   timestamptz                       -- first return requested
) WITH (fillfactor = 80);
CREATE INDEX orders_purchased_at ON orders (purchased_at) WHERE purchased_at IS NOT NULL;
CREATE INDEX orders_created_at ON orders (created_at) WHERE purchased_at IS NULL AND cancelled_at IS NULL;
CREATE INDEX orders_fulfilled_at ON orders (fulfilled_at) WHERE fulfilled_at IS NOT NULL;
CREATE INDEX orders_customer ON orders (customer_id, purchased_at) WHERE purchased_at IS NOT NULL;

CREATE TABLE sessions (
    session_id  text PRIMARY KEY,
    seen_at     timestamptz NOT NULL,               -- last event of any type
    first_at    timestamptz,                        -- first and last funnel event
    last_at     timestamptz,
    reached     smallint    NOT NULL DEFAULT 0,     -- 0 to 5: how far it got, over all its time
    bought      boolean     NOT NULL DEFAULT false, -- it has a purchase, whether or not the funnel led to it
    device      text,                               -- of the earliest event that names one
    device_at   timestamptz,
    source      text,
    source_at   timestamptz,
    customer_id text,                               -- of the latest event that names one
    customer_at timestamptz,
    page_url    text,                               -- of the latest page view
    page_at     timestamptz,
    -- Its funnel events, sorted, none twice: microseconds since 1970 times 8 plus the stage (1 page_view to
    -- 5 purchase). Of more than 10,000 the earliest are kept.
    steps       bigint[]    NOT NULL DEFAULT '{}'
) WITH (fillfactor = 70);
CREATE INDEX sessions_first_at ON sessions (first_at) INCLUDE (last_at, reached, bought, device, source) WHERE first_at IS NOT NULL;
CREATE INDEX sessions_long ON sessions (last_at) WHERE last_at - first_at > interval '1 hour';
CREATE INDEX sessions_seen_at ON sessions USING brin (seen_at);

-- Own actions of a customer on a business day: page_view, product_view, add_to_cart, remove_from_cart,
-- checkout, purchase, customer_login, customer_registered.
CREATE TABLE customer_days (
    customer_id  text NOT NULL,
    day          date NOT NULL,
    previous_day date NOT NULL DEFAULT '-infinity', -- the customer's last day with an action before this one
    first_at     timestamptz,                       -- NULL: no own action, an order only
    last_at      timestamptz,
    orders       integer NOT NULL DEFAULT 0,        -- of that day
    PRIMARY KEY (customer_id, day)
) WITH (fillfactor = 80);
CREATE INDEX customer_days_day ON customer_days (day);

CREATE TABLE customers (
    customer_id   text PRIMARY KEY,
    first_seen_at timestamptz NOT NULL              -- first event of any type that names the customer
);

CREATE TABLE products (                             -- each of the latest event that names it
    product_id  text PRIMARY KEY,
    name        text, name_at     timestamptz,
    sku         text, sku_at      timestamptz,
    category    text, category_at timestamptz,
    brand       text, brand_at    timestamptz
);

CREATE TABLE stock (                                -- the latest level
    sku           text NOT NULL,
    warehouse_id  text NOT NULL,
    at            timestamptz NOT NULL,
    event_key     uuid NOT NULL,
    product_id    text,                             -- NULL: products.sku tells
    quantity      numeric NOT NULL,
    reserved      numeric,
    minimum_stock numeric,
    unit_cost     numeric,
    currency      text,
    PRIMARY KEY (sku, warehouse_id)
);

CREATE TABLE shipments (
    shipment_id   text PRIMARY KEY,
    order_id      text,
    first_at      timestamptz NOT NULL,             -- first event
    carrier       text, carrier_at timestamptz,     -- of the latest event that names one
    promised_at   timestamptz, promised_said_at timestamptz,
    in_transit_at timestamptz,                      -- first IN_TRANSIT
    delivered_at  timestamptz                       -- first DELIVERED
);
CREATE INDEX shipments_first_at ON shipments (first_at);
CREATE INDEX shipments_delivered_at ON shipments (delivered_at) WHERE delivered_at IS NOT NULL;

CREATE TABLE fulfillments (
    fulfillment_id text PRIMARY KEY,
    order_id       text,
    first_at       timestamptz NOT NULL,
    warehouse_id   text, warehouse_at timestamptz,  -- of the latest event that names one
    completed_at   timestamptz,                     -- first COMPLETED
    breached_at    timestamptz                      -- first SLA breach
);
CREATE INDEX fulfillments_first_at ON fulfillments (first_at);
CREATE INDEX fulfillments_completed_at ON fulfillments (completed_at) WHERE completed_at IS NOT NULL;
CREATE INDEX fulfillments_breached_at ON fulfillments (breached_at) WHERE breached_at IS NOT NULL;

CREATE TABLE returns (
    return_id    text PRIMARY KEY,
    order_id     text,
    requested_at timestamptz,                       -- the first of each
    approved_at  timestamptz,
    rejected_at  timestamptz,
    completed_at timestamptz,
    reason       text, reason_at timestamptz        -- of the earliest event that names one
);
CREATE INDEX returns_requested_at ON returns (requested_at);

-- Facts

CREATE TABLE payments (
    event_key  uuid PRIMARY KEY,
    at         timestamptz NOT NULL,
    kind       text        NOT NULL,                -- processed, failed, refunded
    payment_id text,
    order_id   text,
    method     text,
    reason     text,                                -- failure_reason
    amount     numeric,
    currency   text                                 -- NULL: the reporting currency, here and below
);
CREATE INDEX payments_at ON payments (at);
CREATE INDEX payments_refunds ON payments (at) WHERE kind = 'refunded';

CREATE TABLE registrations (
    event_key   uuid PRIMARY KEY,
    at          timestamptz NOT NULL,
    customer_id text        NOT NULL
);
CREATE INDEX registrations_at ON registrations (at);

CREATE TABLE promotion_uses (
    event_key uuid PRIMARY KEY,
    at        timestamptz NOT NULL,
    code      text        NOT NULL,
    order_id  text,
    discount  numeric,
    currency  text
);
CREATE INDEX promotion_uses_at ON promotion_uses (at);

CREATE TABLE marketing_spends (
    event_key uuid PRIMARY KEY,
    at        timestamptz NOT NULL,
    campaign  text        NOT NULL,
    source    text,                                 -- traffic_source, else the campaign's name
    amount    numeric     NOT NULL,
    currency  text
);
CREATE INDEX marketing_spends_at ON marketing_spends (at);

CREATE TABLE stock_levels (
    event_key    uuid PRIMARY KEY,
    at           timestamptz NOT NULL,
    sku          text        NOT NULL,
    warehouse_id text        NOT NULL,
    product_id   text,
    quantity     numeric     NOT NULL
);
CREATE INDEX stock_levels_at ON stock_levels (at);
CREATE INDEX stock_levels_of ON stock_levels (sku, warehouse_id, at);

-- Sums. day: by reporting_basis.zone. Money in the reporting currency, of orders whose money counts.

CREATE TABLE sales_days (
    day            date    PRIMARY KEY,
    orders         bigint  NOT NULL,
    priced_orders  bigint  NOT NULL,                -- whose money counts
    money          numeric NOT NULL,
    items_money    numeric NOT NULL,                -- quantity times price
    margin_price   numeric NOT NULL,                -- of items that name a cost: their price, and their cost
    margin_cost    numeric NOT NULL,
    customers      bigint  NOT NULL                 -- distinct, with an order on that day
) WITH (fillfactor = 50);

CREATE TABLE sales_hours (
    hour          timestamptz PRIMARY KEY,          -- UTC hours
    orders        bigint  NOT NULL,
    priced_orders bigint  NOT NULL,
    money         numeric NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE category_days (
    day      date    NOT NULL,
    category text    NOT NULL,                      -- '': of items that name none
    orders   bigint  NOT NULL,                      -- distinct
    units    numeric NOT NULL,
    money    numeric NOT NULL,
    PRIMARY KEY (day, category)
) WITH (fillfactor = 50);

CREATE TABLE product_days (
    day          date    NOT NULL,
    product_id   text    NOT NULL,
    views        bigint  NOT NULL DEFAULT 0,        -- events, counted
    cart_adds    bigint  NOT NULL DEFAULT 0,
    orders       bigint  NOT NULL DEFAULT 0,        -- distinct
    units        numeric NOT NULL DEFAULT 0,
    money        numeric NOT NULL DEFAULT 0,
    margin_price numeric NOT NULL DEFAULT 0,
    margin_cost  numeric NOT NULL DEFAULT 0,
    PRIMARY KEY (day, product_id)
) WITH (fillfactor = 50);

CREATE TABLE session_days (                         -- sessions by the day of their first funnel event
    day      date   NOT NULL,
    device   text   NOT NULL,                       -- '': they name none
    source   text   NOT NULL,
    sessions bigint NOT NULL,
    bought   bigint NOT NULL,
    reached1 bigint NOT NULL,                       -- how many got at least so far, over all their time
    reached2 bigint NOT NULL,
    reached3 bigint NOT NULL,
    reached4 bigint NOT NULL,
    reached5 bigint NOT NULL,
    PRIMARY KEY (day, device, source)
) WITH (fillfactor = 50);

-- Customers with an own action on day and none since previous_day: the distinct customers of days a to b are
-- the sum over day between a and b of rows whose previous_day is before a.
CREATE TABLE active_days (
    day          date   NOT NULL,
    previous_day date   NOT NULL,
    customers    bigint NOT NULL,
    PRIMARY KEY (day, previous_day)
) WITH (fillfactor = 50);

CREATE TABLE event_quarters (                       -- events, counted by quarters of an hour
    quarter    timestamptz NOT NULL,
    event_type text        NOT NULL,
    events     bigint      NOT NULL,
    PRIMARY KEY (quarter, event_type)
) WITH (fillfactor = 50);

-- An order as money. rate and money are NULL where it has no rate: then it counts in no money figure.
CREATE VIEW sales AS
SELECT
    o.order_id, o.purchased_at AS at, o.customer_id, o.session_id, o.source, o.items,
    (o.purchased_at AT TIME ZONE b.zone)::date AS day,
    coalesce(o.currency, b.currency) AS currency, o.amount, r.rate, b.decimals,
    round(o.amount * r.rate, b.decimals) AS money
FROM orders o
CROSS JOIN reporting_basis b
LEFT JOIN fx_rates fx ON fx.currency = o.currency AND fx.day = (o.purchased_at AT TIME ZONE b.zone)::date
CROSS JOIN LATERAL (SELECT CASE WHEN coalesce(o.currency, b.currency) = b.currency THEN 1 ELSE fx.rate END AS rate) r
WHERE o.purchased_at IS NOT NULL;

-- Its items, each rounded: product, category and brand figures all sum to the same.
CREATE VIEW sale_lines AS
SELECT
    s.order_id, s.at, s.day, s.customer_id, i.product_id, i.sku, nullif(i.category, '') AS category,
    nullif(i.brand, '') AS brand, coalesce(i.quantity, 0) AS quantity,
    round(i.quantity * i.price * s.rate, s.decimals) AS money,
    CASE WHEN i.cost IS NOT NULL THEN round(i.quantity * i.price * s.rate, s.decimals) END AS margin_price,
    round(i.quantity * i.cost * s.rate, s.decimals) AS margin_cost
FROM sales s
CROSS JOIN LATERAL jsonb_to_recordset(s.items) AS i (
    product_id text, sku text, category text, brand text, quantity numeric, price numeric, cost numeric);

-- What was paid back, at its own time, by the rate of its order's day (of its own where the order is not known).
CREATE VIEW refunds AS
SELECT
    p.event_key, p.at, p.order_id, coalesce(p.currency, b.currency) AS currency, p.amount,
    round(p.amount * CASE WHEN coalesce(p.currency, b.currency) = b.currency THEN 1 ELSE fx.rate END, b.decimals) AS money
FROM payments p
CROSS JOIN reporting_basis b
LEFT JOIN orders o USING (order_id)
LEFT JOIN fx_rates fx ON fx.currency = p.currency
    AND fx.day = (coalesce(o.purchased_at, p.at) AT TIME ZONE b.zone)::date
WHERE p.kind = 'refunded';

-- How far the projections have come, for answers.

-- The commit time up to which every event is in them: when the oldest event that is not was stored.
CREATE FUNCTION data_as_of() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT min(made_at) FROM projection_marks), now())
$$;

-- Is a stored event of [start, until) not in them yet? A point is final when its time is over and none is.
CREATE FUNCTION pending_between(start timestamptz, until timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM projection_marks WHERE from_at < until AND to_at >= start)
$$;

-- The rows of analytics_events that are not in them yet. Who rewrites or deletes rows leaves these alone (they
-- are found by their place) and comes back for them later.
CREATE FUNCTION pending_rows() RETURNS TABLE (part oid, row_id tid) LANGUAGE sql STABLE AS $$
    SELECT part, unnest(row_ids) FROM projection_marks
$$;

-- The first instant of a local day. Where a clock goes back over midnight PostgreSQL takes the later of the two
-- midnights; the day starts at the earlier one, which is midnight by the offset in force some hours before.
CREATE FUNCTION day_start(day date, zone text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    late   timestamptz := day::timestamp AT TIME ZONE zone;
    before timestamptz := late - interval '3 hours';
    early  timestamptz;
BEGIN
    IF isfinite(day) THEN
        early := (day::timestamp - (before AT TIME ZONE zone - before AT TIME ZONE 'UTC')) AT TIME ZONE 'UTC';
        IF early < late AND early AT TIME ZONE zone = day::timestamp THEN
            RETURN early;
        END IF;
    END IF;
    RETURN late;
END
$$;

-- What of [start, until) are whole business days: the days from first_day up to, not including, after_day (both
-- NULL: there is none), which the sums by day tell; and the edges around them, [start, head_until) and
-- [tail_from, until), either of them possibly empty, which the entities tell. Always one row.
CREATE FUNCTION whole_days(start timestamptz, until timestamptz)
RETURNS TABLE (first_day date, after_day date, head_until timestamptz, tail_from timestamptz) LANGUAGE sql STABLE AS $$
    SELECT
        CASE WHEN f.day < a.day THEN f.day END, CASE WHEN f.day < a.day THEN a.day END,
        CASE WHEN f.day < a.day THEN day_start(f.day, b.zone) ELSE until END,
        CASE WHEN f.day < a.day THEN day_start(a.day, b.zone) ELSE until END
    FROM reporting_basis b,
        LATERAL (SELECT (start AT TIME ZONE b.zone)::date AS day) s,
        LATERAL (SELECT CASE WHEN day_start(s.day, b.zone) < start THEN s.day + 1 ELSE s.day END AS day) f,
        LATERAL (SELECT (until AT TIME ZONE b.zone)::date AS day) a
    LIMIT 1
$$;

-- For the projector

-- Copies the events of a partition that the condition picks to where a step reads them, and returns how many there
-- were; none when the partition is gone. $1 to $5 in the condition are the parameters that follow it, $6 the
-- partition.
CREATE FUNCTION take_where(part oid, condition text, row_ids tid[], first tid, after tid, start timestamptz, until timestamptz)
RETURNS bigint LANGUAGE plpgsql SET enable_seqscan = off AS $$ -- so many places look dearer than all pages
DECLARE
    rows bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class WHERE oid = part) THEN
        RETURN 0;
    END IF;
    EXECUTE format('
        INSERT INTO projecting
        SELECT
            e.created_at, (date_part(''epoch'', e.created_at) * 1000000)::bigint,
            (e.created_at AT TIME ZONE b.zone)::date, e.event_key, e.event_type,
            array_position(''{page_view,product_view,add_to_cart,checkout,purchase}''::text[], e.event_type),
            e.session_id, e.customer_id, e.order_id, e.product_id, e.amount, e.currency, e.status, e.items, e.properties
        FROM %s e CROSS JOIN reporting_basis b
        WHERE %s', part::regclass, condition) USING row_ids, first, after, start, until, part;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN rows;
END
$$;

-- Those that stand at these places.
CREATE FUNCTION take_events(part oid, row_ids tid[]) RETURNS bigint LANGUAGE sql AS $$
    SELECT take_where(part, 'e.ctid = ANY ($1)', row_ids, NULL, NULL, NULL, NULL)
$$;

-- Those of [start, until) in some pages that have been projected before.
CREATE FUNCTION take_pages(part oid, page bigint, pages bigint, start timestamptz, until timestamptz)
RETURNS bigint LANGUAGE sql AS $$
    SELECT take_where(part, 'e.ctid >= $2 AND e.ctid < $3 AND e.created_at >= $4 AND e.created_at < $5
            AND e.ctid NOT IN (SELECT row_id FROM pending_rows() w
                               WHERE w.part = $6 AND w.row_id >= $2 AND w.row_id < $3)',
        NULL, format('(%s,0)', page)::tid, format('(%s,0)', page + pages)::tid, start, until)
$$;

-- How far a session got: each stage at its first event not earlier than the one with which it reached the stage
-- before. Of sorted steps the next one of the next stage is that event, since equal times are sorted by stage.
CREATE FUNCTION steps_reached(steps bigint[]) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    step    bigint;
    reached integer := 0;
BEGIN
    FOREACH step IN ARRAY steps LOOP
        IF step & 7 = reached + 1 THEN
            reached := reached + 1;
            EXIT WHEN reached = 5;
        END IF;
    END LOOP;
    RETURN reached;
END
$$;

-- What a step works on, private to a connection and empty between transactions. No index on any of them: it
-- would have every plan made anew after each commit.
CREATE FUNCTION open_projector() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- The events of the step.
    CREATE TEMPORARY TABLE projecting (
        at          timestamptz NOT NULL,
        us          bigint      NOT NULL,           -- the same in microseconds since 1970
        day         date        NOT NULL,           -- business day
        event_key   uuid        NOT NULL,
        event_type  text        NOT NULL,
        stage       integer,                        -- of the funnel
        session_id  text,
        customer_id text,
        order_id    text,
        product_id  text,
        amount      numeric,
        currency    text,
        status      text,
        items       jsonb,
        properties  jsonb       NOT NULL
    ) ON COMMIT DELETE ROWS;
    -- Those of them that are about neither visits nor orders alone: a small part.
    CREATE TEMPORARY TABLE projecting_rest (LIKE projecting) ON COMMIT DELETE ROWS;
    -- Orders and sessions as the step makes them, and what of the state before the sums are moved by.
    CREATE TEMPORARY TABLE order_merges (
        LIKE orders,
        was_at          timestamptz,
        was_by          uuid,
        was_customer_id text,
        was_amount      numeric,
        was_currency    text,
        was_items       jsonb
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE session_merges (
        LIKE sessions,
        was_first_at timestamptz,
        was_reached  smallint,
        was_bought   boolean,
        was_device   text,
        was_source   text
    ) ON COMMIT DELETE ROWS;
    -- Sales that come (sign 1) or go (-1), as in the view sales.
    CREATE TEMPORARY TABLE sale_changes (
        sign        integer     NOT NULL,
        order_id    text        NOT NULL,
        at          timestamptz NOT NULL,
        day         date        NOT NULL,
        customer_id text,
        items       jsonb,
        rate        numeric,
        decimals    integer     NOT NULL,
        money       numeric
    ) ON COMMIT DELETE ROWS;
    -- Customers' days that changed.
    CREATE TEMPORARY TABLE customer_day_changes (
        customer_id  text    NOT NULL,
        day          date    NOT NULL,
        previous_day date    NOT NULL,
        is_new       boolean NOT NULL,
        orders       integer NOT NULL,              -- after the step
        orders_moved integer NOT NULL               -- by it
    ) ON COMMIT DELETE ROWS;
END
$$;

-- Events stored before: a mark for each 256 pages.
INSERT INTO projection_marks (part, row_ids, from_at, to_at)
SELECT tableoid, array_agg(ctid), min(created_at), max(created_at)
FROM analytics_events
GROUP BY tableoid, ((ctid::text::point)[0]::bigint / 256);

DROP INDEX analytics_events_purchase;
ANALYZE reporting_basis;
