-- $1 job, $2 slot, $3 fencing number, $4 seconds of lease: no row when the lease is another's.
UPDATE job_runs SET lease_until = clock_timestamp() + make_interval(secs => $4::double precision)
WHERE job = $1 AND slot = $2::timestamptz AND fence = $3::bigint AND state = 'started'
RETURNING 1
