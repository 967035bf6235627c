-- job_fence on a projector's connection.
SELECT job_fence($1, $2::timestamptz, $3::bigint)
