-- What operators ask of the whole store: what it costs, and that a person be forgotten.

-- What each event type takes up: a partition's bytes, its indexes and TOAST included, are shared out among
-- types by the size of their rows. Of a partition with more than whole_pages pages so many are looked at,
-- picked by chance; then the counts are estimates, and sampled says so.
CREATE FUNCTION storage_cost(whole_pages bigint)
RETURNS TABLE (event_type text, events bigint, bytes bigint, sampled boolean) LANGUAGE plpgsql STABLE AS $$
DECLARE
    part    regclass;
    total   bigint;
    percent double precision;
BEGIN
    FOR part IN SELECT relid FROM pg_partition_tree('analytics_events') WHERE isleaf LOOP
        total := pg_total_relation_size(part);
        percent := least(100, 100.0 * whole_pages
            / greatest(1, pg_relation_size(part) / current_setting('block_size')::int));
        RETURN QUERY EXECUTE format(
            'SELECT t.event_type, round(t.n * 100 / $1)::bigint, round($2 * t.size / sum(t.size) OVER ())::bigint, '
            '$1 < 100 FROM (SELECT event_type, count(*) AS n, sum(pg_column_size(e.*)) AS size '
            'FROM %s AS e %s GROUP BY 1) AS t',
            part, CASE WHEN percent < 100 THEN format('TABLESAMPLE SYSTEM (%s)', percent) ELSE '' END)
            USING percent, total;
    END LOOP;
END
$$;
