-- The commit time up to which every event is in the answer; one row.
SELECT to_char(data_as_of() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS data_as_of
