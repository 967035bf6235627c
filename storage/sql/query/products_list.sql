-- Products and what happened to them. $1 start and $2 end of the range, $3 categories or NULL: all, $4 what to sort by,
-- $5 how many.
WITH best AS (
    SELECT *,
        row_number() OVER (ORDER BY
            CASE $4::text WHEN 'units' THEN units WHEN 'views' THEN views WHEN 'conversion' THEN conversion::numeric
                ELSE money END DESC NULLS LAST,
            money DESC, units DESC, views DESC, product_id) AS place
    FROM product_figures($1::timestamptz, $2::timestamptz, $3::text[])
    ORDER BY place
    LIMIT $5::integer
), levels AS (
    SELECT product_id, sum(quantity) AS quantity FROM stock_lines GROUP BY product_id
)
SELECT product_id, name, sku, category, brand, money AS revenue, round(units) AS units_sold, views, cart_adds,
    conversion AS conversion_rate, views + 3 * cart_adds + 10 * units AS popularity_score,
    round(l.quantity) AS stock_level, margin
FROM best b LEFT JOIN levels l USING (product_id)
ORDER BY b.place
