-- Sums of nothing: what was counted there is counted elsewhere now.
WITH gone AS MATERIALIZED (
    SELECT DISTINCT day, date_trunc('hour', at, 'UTC') AS hour FROM sale_changes WHERE sign < 0
), moved AS MATERIALIZED (
    SELECT DISTINCT (m.was_first_at AT TIME ZONE b.zone)::date AS day
    FROM session_merges m CROSS JOIN reporting_basis b
    WHERE (m.first_at, m.device, m.source) IS DISTINCT FROM (m.was_first_at, m.was_device, m.was_source)
), days AS (
    DELETE FROM sales_days WHERE orders = 0 AND day IN (SELECT day FROM gone)
), hours AS (
    DELETE FROM sales_hours WHERE orders = 0 AND hour IN (SELECT hour FROM gone)
), categories AS (
    DELETE FROM category_days WHERE orders = 0 AND day IN (SELECT day FROM gone)
), products AS (
    DELETE FROM product_days WHERE orders = 0 AND views = 0 AND cart_adds = 0 AND day IN (SELECT day FROM gone)
), sessions AS (
    DELETE FROM session_days WHERE sessions = 0 AND day IN (SELECT day FROM moved)
)
DELETE FROM active_days WHERE customers = 0 AND day > (SELECT min(day) FROM customer_day_changes WHERE is_new)
