-- $1 start and $2 end of the range, $3 categories or NULL: all. The conversion rate is the mean of the products'.
WITH levels AS (
    SELECT product_id, sum(quantity) AS quantity FROM stock_lines GROUP BY product_id
)
SELECT count(*) AS total_products, count(*) FILTER (WHERE f.orders > 0) AS products_sold,
    count(*) FILTER (WHERE l.quantity <= 0) AS out_of_stock, avg(f.conversion) AS average_conversion_rate
FROM product_figures($1::timestamptz, $2::timestamptz, $3::text[]) f LEFT JOIN levels l USING (product_id)
