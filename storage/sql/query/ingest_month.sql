-- Makes the partition of the month that holds $1.
SELECT ensure_events_month($1::timestamptz)
