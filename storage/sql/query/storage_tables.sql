-- What each table takes up, its partitions and children, indexes and TOAST included, the largest first.
WITH RECURSIVE parts AS (
    SELECT relname, oid
    FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
        AND oid NOT IN (SELECT inhrelid FROM pg_inherits)
    UNION ALL
    SELECT parts.relname, inhrelid FROM parts JOIN pg_inherits ON inhparent = parts.oid
)
SELECT relname, sum(pg_total_relation_size(oid))::bigint
FROM parts
GROUP BY 1
ORDER BY 2 DESC, 1
