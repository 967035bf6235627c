-- A day of a made-up shop, straight into analytics_events, with marks for the projector as ingestion leaves them.
-- Per session about 5 events: 1 to 4 page views, then as far down the funnel as chance has it; an order brings its
-- payment, fulfilment, shipment and, now and then, a promotion, a return and a refund. Of 100 sessions 2 last hours.
CREATE OR REPLACE FUNCTION bench_day(day timestamptz, events integer) RETURNS bigint LANGUAGE sql SET jit = off AS $$
    WITH session AS MATERIALIZED (
        SELECT
            's' || to_char(day, 'YYMMDD') || n AS session_id,
            'o' || to_char(day, 'YYMMDD') || n AS order_id,
            CASE WHEN random() < 0.4 THEN 'c' || floor(random() * random() * 200000) END AS customer_id,
            day + random() * interval '1 day' AS at,
            CASE WHEN random() < 0.02 THEN 30 ELSE 1 END * interval '1 second' AS unit,
            jsonb_build_object('device_type', (ARRAY['mobile', 'mobile', 'desktop', 'tablet'])[1 + floor(random() * 4)::int],
                'traffic_source', (ARRAY['google', 'direct', 'mail', 'social', 'partner'])[1 + floor(random() * 5)::int]) AS visit,
            1 + floor(random() * 4)::int AS pages, 1 + floor(random() * 3)::int AS views, 1 + floor(random() * 2)::int AS adds,
            1 + floor(random() * 3)::int AS lines,
            CASE WHEN depth < 0.25 THEN 1 WHEN depth < 0.65 THEN 2 WHEN depth < 0.83 THEN 3 WHEN depth < 0.92 THEN 4 ELSE 5 END
                AS stages,
            random() AS luck
        FROM generate_series(1, greatest(1, events * 10 / 54)) AS n, LATERAL (SELECT random() + n * 0 AS depth) d
    ), bought AS MATERIALIZED (
        SELECT s.*, i.items, i.total + 4.99 AS total, CASE WHEN luck < 0.05 THEN 'EUR' ELSE 'USD' END AS currency
        FROM session s, LATERAL (
            SELECT jsonb_agg(jsonb_build_object('product_id', 'p' || p, 'sku', 'sku' || p, 'quantity', q,
                        'price', price, 'category', 'category ' || p % 8, 'brand', 'brand ' || p % 20, 'cost', price - 2)) AS items,
                sum(q * price) AS total
            FROM (
                SELECT p, 5 + p % 200 + 0.99 AS price, 1 + floor(random() * 2)::int AS q
                FROM (SELECT floor(random() * random() * 500)::int AS p FROM generate_series(1, s.lines)) x
            ) y
        ) i
        WHERE s.stages = 5
    ), event AS (
        SELECT at + i * 40 * unit AS at, 'page_view' AS event_type, session_id, customer_id, NULL AS order_id, NULL AS product_id,
            NULL::numeric AS amount, NULL AS currency, NULL AS status, NULL::jsonb AS items,
            visit || jsonb_build_object('page_url', '/page/' || i) AS properties
        FROM session, generate_series(0, pages - 1) AS i
        UNION ALL
        SELECT at + (30 + i * 50) * unit, 'product_view', session_id, customer_id, NULL,
            'p' || floor(random() * random() * 500), NULL, NULL, NULL, NULL, visit
        FROM session, generate_series(0, views - 1) AS i WHERE stages >= 2
        UNION ALL
        SELECT at + (200 + i * 30) * unit, 'add_to_cart', session_id, customer_id, NULL,
            'p' || floor(random() * random() * 500), 9.99, 'USD', NULL, NULL, visit || '{"quantity": 1}'
        FROM session, generate_series(0, adds - 1) AS i WHERE stages >= 3
        UNION ALL
        SELECT at + 300 * unit, 'checkout', session_id, customer_id, NULL, NULL, NULL, NULL, NULL, NULL, visit
        FROM session WHERE stages >= 4
        UNION ALL
        SELECT at + 310 * unit, 'order_created', session_id, customer_id, order_id, NULL, total, currency, 'CREATED', items, visit
        FROM bought
        UNION ALL
        SELECT at + 360 * unit, 'purchase', session_id, coalesce(customer_id, 'guest ' || order_id), order_id, NULL, total,
            currency, 'CONFIRMED', items, visit || '{"customer_name": "J***"}'
        FROM bought
        UNION ALL
        SELECT at + 360 * unit, 'payment_processed', NULL, customer_id, order_id, NULL, total, currency, NULL, NULL,
            jsonb_build_object('payment_id', 'pay' || order_id, 'payment_method', CASE WHEN luck < 0.4 THEN 'card' ELSE 'wallet' END)
        FROM bought
        UNION ALL
        SELECT at + 350 * unit, 'payment_failed', NULL, customer_id, order_id, NULL, total, currency, NULL, NULL,
            jsonb_build_object('payment_id', 'fail' || order_id, 'payment_method', 'card', 'failure_reason', 'declined')
        FROM bought WHERE luck BETWEEN 0.3 AND 0.35
        UNION ALL
        SELECT at + 360 * unit, 'promotion_used', NULL, customer_id, order_id, NULL, NULL, currency, NULL, NULL,
            jsonb_build_object('promotion_code', 'SAVE' || floor(luck * 100)::int % 7, 'discount_amount', 3)
        FROM bought WHERE luck BETWEEN 0.5 AND 0.6
        UNION ALL
        SELECT at + interval '20 hours' * (0.5 + luck), 'fulfillment_status_changed', NULL, NULL, order_id, NULL, NULL, NULL,
            'COMPLETED', NULL, jsonb_build_object('fulfillment_id', 'f' || order_id, 'warehouse_id', 'w' || floor(luck * 1000)::int % 3)
        FROM bought WHERE luck > 0.02
        UNION ALL
        SELECT at + state.after * (0.5 + luck), 'shipment_status_changed', NULL, NULL, order_id, NULL, NULL, NULL, state.name, NULL,
            jsonb_build_object('shipment_id', 'h' || order_id, 'carrier_name', 'carrier ' || floor(luck * 1000)::int % 4,
                               'promised_at', at + interval '72 hours')
        FROM bought, (VALUES ('IN_TRANSIT', interval '24 hours'), ('DELIVERED', interval '60 hours')) AS state (name, after)
        WHERE luck > 0.03
        UNION ALL
        SELECT at + interval '60 hours' * (0.5 + luck), 'order_status_changed', NULL, customer_id, order_id, NULL, NULL, NULL,
            'DELIVERED', NULL, '{}'
        FROM bought WHERE luck > 0.03
        UNION ALL
        SELECT at + interval '90 hours', 'return_requested', NULL, customer_id, order_id, NULL, NULL, NULL, NULL, NULL,
            jsonb_build_object('return_id', 'r' || order_id, 'reason', jsonb_build_object('code', 'TOO_SMALL'))
        FROM bought WHERE luck > 0.95
        UNION ALL
        SELECT at + interval '100 hours', 'payment_refunded', NULL, customer_id, order_id, NULL, 9.99, currency, NULL, NULL,
            jsonb_build_object('payment_id', 'ref' || order_id)
        FROM bought WHERE luck > 0.97
        UNION ALL
        SELECT at, 'customer_registered', NULL, customer_id, NULL, NULL, NULL, NULL, NULL, NULL, '{}'
        FROM session WHERE customer_id IS NOT NULL AND luck < 0.02
        UNION ALL
        SELECT day + random() * interval '1 day', 'stock_changed', NULL, NULL, NULL, 'p' || p, NULL, NULL, NULL, NULL,
            jsonb_build_object('sku', 'sku' || p, 'warehouse_id', 'w' || p % 3, 'quantity', floor(random() * 300)::int,
                               'minimum_stock', 10, 'unit_cost', 4.5)
        FROM generate_series(0, 499) AS p
        UNION ALL
        SELECT day + interval '6 hours', 'marketing_spend', NULL, NULL, NULL, NULL, 100 + n, 'USD', NULL, NULL,
            jsonb_build_object('campaign', source, 'traffic_source', source)
        FROM unnest(ARRAY['google', 'mail', 'social', 'partner']) WITH ORDINALITY AS c (source, n)
    ), stored AS (
        INSERT INTO analytics_events (created_at, received_at, event_key, event_type, event_id, event_source, schema_version,
            session_id, customer_id, order_id, product_id, amount, currency, status, items, properties)
        SELECT at, at, key, event_type, key::text, 'shop', 'v1', session_id, customer_id, order_id, product_id, amount, currency,
            status, items, properties
        FROM (SELECT *, gen_random_uuid() AS key FROM event WHERE at < now() ORDER BY at) e
        RETURNING created_at, tableoid AS part, ctid AS row_id
    ), marked AS (
        INSERT INTO projection_marks (part, row_ids, from_at, to_at)
        SELECT part, array_agg(row_id), min(created_at), max(created_at)
        FROM (SELECT *, row_number() OVER () / 2000 AS batch FROM stored) s
        GROUP BY part, batch
    )
    SELECT count(*) FROM stored
$$;

-- What the days stand on: partitions, products, rates.
CREATE OR REPLACE FUNCTION bench_begin(days integer) RETURNS void LANGUAGE sql AS $$
    SELECT ensure_events_month(m) FROM generate_series(now() - (days + 1) * interval '1 day', now() + interval '31 days',
                                                       interval '20 days') AS m;
    INSERT INTO fx_rates SELECT now()::date - n, 'EUR', 1.1 FROM generate_series(0, days + 1) AS n ON CONFLICT DO NOTHING;
    WITH stored AS (
        INSERT INTO analytics_events (created_at, received_at, event_key, event_type, event_id, event_source, schema_version,
            product_id, properties)
        SELECT at, at, gen_random_uuid(), 'product_created', 'p' || p, 'shop', 'v1', 'p' || p,
            jsonb_build_object('sku', 'sku' || p, 'name', 'Product ' || p, 'category', 'category ' || p % 8, 'brand', 'brand ' || p % 20)
        FROM generate_series(0, 499) AS p, (SELECT now() - days * interval '1 day' AS at) t
        RETURNING created_at, tableoid AS part, ctid AS row_id
    )
    INSERT INTO projection_marks (part, row_ids, from_at, to_at)
    SELECT part, array_agg(row_id), min(created_at), max(created_at) FROM stored GROUP BY part
$$;
