-- The gap of each type in the last report; of one that is no longer in it: none.
SELECT r.event_type, coalesce(max(r.gap_ratio) FILTER (WHERE r.day = l.day), 0)
FROM (SELECT max(day) AS day FROM reconciliation_reports) l
JOIN reconciliation_reports r ON r.day > l.day - 30
GROUP BY 1
