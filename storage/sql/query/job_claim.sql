-- $1 job, $2 slot, $3 day, $4 by hand, $5 owner, $6 seconds of lease, $7 attempts at most: a row when it is taken.
SELECT fence, attempts FROM job_claim($1, $2::timestamptz, $3::date, $4::boolean, $5, make_interval(secs => $6::double precision), $7::integer)
