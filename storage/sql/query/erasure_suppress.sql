-- Events of these identities that are older than the erasure $1 are nobody's from now on. $2 keyed hashes, made
-- with the key $3.
WITH job AS (
    UPDATE erasures SET suppressed = true WHERE id = $1::bigint RETURNING requested_at
)
INSERT INTO erased_identities AS i (hash, key_id, erased_at)
SELECT hash, $3, requested_at FROM job, unnest($2::text[]) AS hash ORDER BY hash
ON CONFLICT (hash) DO UPDATE SET erased_at = greatest(i.erased_at, excluded.erased_at), version = DEFAULT
