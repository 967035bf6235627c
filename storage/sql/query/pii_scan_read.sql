-- The next rows of the scan $1, of at most $2 pages; at last the place to go on from, without doc.
SELECT relation, row_id, version, doc FROM pii_scan_rows($1::bigint, $2::bigint)
