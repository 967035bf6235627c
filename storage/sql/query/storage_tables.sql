-- What each table takes up, its partitions, indexes and TOAST included, the largest first.
SELECT c.relname, sum(pg_total_relation_size(p.relid))::bigint
FROM pg_class AS c, pg_partition_tree(c.oid) AS p
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'p' AND p.isleaf
GROUP BY 1
UNION ALL
SELECT relname, pg_total_relation_size(oid)
FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND NOT relispartition
ORDER BY 2 DESC, 1
