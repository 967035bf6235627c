-- Who was found to be the person of the erasure $1.
SELECT kind, id FROM erasure_ids WHERE erasure_id = $1::bigint AND kind IN ('customer', 'email')
