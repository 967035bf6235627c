-- One migrating process at a time; released when the session ends. The number is ours alone.
SELECT pg_advisory_lock(7023194586012447)
