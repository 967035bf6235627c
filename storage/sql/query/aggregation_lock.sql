-- Nobody projects while sums are compared with what they are made of; the number is that of projection_marks.
SELECT pg_advisory_xact_lock(7023194586012448)
