-- Nobody else projects until the transaction ends.
SELECT pg_advisory_xact_lock(7023194586012448)
