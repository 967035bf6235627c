INSERT INTO event_quarters AS q (quarter, event_type, events)
SELECT date_bin('15 minutes', at, 'epoch'), event_type, count(*) FROM projecting GROUP BY 1, 2
ON CONFLICT (quarter, event_type) DO UPDATE SET events = q.events + excluded.events
