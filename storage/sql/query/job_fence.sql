-- $1 job, $2 slot, $3 fencing number: fails, and its transaction with it, once the lease is another's.
SELECT job_fence($1, $2::timestamptz, $3::bigint)
