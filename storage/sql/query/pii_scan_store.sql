-- What was found by the scan $1 in the table $2 up to the place $3: $4 rows looked at, $5 rows by column, $6 changes.
SELECT pii_scan_step($1::bigint, $2::text, $3::tid, $4::bigint, $5::jsonb, $6::jsonb)
