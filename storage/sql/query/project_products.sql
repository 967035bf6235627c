-- What products are called, each name of the latest event that gives it; of equal times the greatest.
INSERT INTO products AS p
SELECT
    product_id,
    (array_agg(name ORDER BY at DESC, name COLLATE "C" DESC) FILTER (WHERE name IS NOT NULL))[1],
    max(at) FILTER (WHERE name IS NOT NULL),
    (array_agg(sku ORDER BY at DESC, sku COLLATE "C" DESC) FILTER (WHERE sku IS NOT NULL))[1],
    max(at) FILTER (WHERE sku IS NOT NULL),
    (array_agg(category ORDER BY at DESC, category COLLATE "C" DESC) FILTER (WHERE category IS NOT NULL))[1],
    max(at) FILTER (WHERE category IS NOT NULL),
    (array_agg(brand ORDER BY at DESC, brand COLLATE "C" DESC) FILTER (WHERE brand IS NOT NULL))[1],
    max(at) FILTER (WHERE brand IS NOT NULL)
FROM (
    SELECT product_id, name, sku, category, brand, max(at) AS at
    FROM (
        SELECT at, product_id, properties ->> 'name' AS name, properties ->> 'sku' AS sku,
            properties ->> 'category' AS category, properties ->> 'brand' AS brand
        FROM projecting
        WHERE product_id IS NOT NULL AND event_type IN ('product_view', 'add_to_cart', 'remove_from_cart',
                                                        'product_created', 'product_updated', 'stock_changed')
        UNION ALL
        SELECT e.at, i.product_id, NULL, i.sku, i.category, i.brand
        FROM projecting e
        CROSS JOIN LATERAL jsonb_to_recordset(e.items) AS i (product_id text, sku text, category text, brand text)
        WHERE e.event_type = 'purchase' AND i.product_id IS NOT NULL
    ) named
    GROUP BY product_id, name, sku, category, brand
) n
GROUP BY product_id
ON CONFLICT (product_id) DO UPDATE SET
    name = CASE WHEN p.name_at IS NULL OR (excluded.name_at, excluded.name COLLATE "C") > (p.name_at, p.name)
                THEN excluded.name ELSE p.name END,
    name_at = greatest(p.name_at, excluded.name_at),
    sku = CASE WHEN p.sku_at IS NULL OR (excluded.sku_at, excluded.sku COLLATE "C") > (p.sku_at, p.sku)
               THEN excluded.sku ELSE p.sku END,
    sku_at = greatest(p.sku_at, excluded.sku_at),
    category = CASE WHEN p.category_at IS NULL
                        OR (excluded.category_at, excluded.category COLLATE "C") > (p.category_at, p.category)
                    THEN excluded.category ELSE p.category END,
    category_at = greatest(p.category_at, excluded.category_at),
    brand = CASE WHEN p.brand_at IS NULL OR (excluded.brand_at, excluded.brand COLLATE "C") > (p.brand_at, p.brand)
                 THEN excluded.brand ELSE p.brand END,
    brand_at = greatest(p.brand_at, excluded.brand_at)
