-- A new erasure. $1 delete or anonymize, $2 dry run, $3 customer id and $4 e-mail address in the
-- forms that are stored, an array (one may be NULL), $5 their keyed hashes, made with the key $6, $7 seconds until someone else takes it over.
WITH job AS (
    INSERT INTO erasures (mode, dry_run, secret, stage, due_at)
    SELECT $1, $2::boolean, gen_random_uuid()::text || gen_random_uuid()::text, CASE WHEN $4::text[] IS NULL THEN 1 ELSE 0 END,
           now() + make_interval(secs => $7::int)
    RETURNING id, requested_at
), given AS (
    INSERT INTO erasure_ids (erasure_id, kind, id, given)
    SELECT job.id, k.kind, k.id, true
    FROM job, (SELECT 'customer', $3::text UNION SELECT 'email', unnest($4::text[])) AS k(kind, id)
    WHERE k.id IS NOT NULL
), hidden AS (
    INSERT INTO erased_identities AS i (hash, key_id, erased_at)
    SELECT hash, $6, requested_at FROM job, unnest($5::text[]) AS hash WHERE NOT $2::boolean ORDER BY hash
    ON CONFLICT (hash) DO UPDATE SET erased_at = greatest(i.erased_at, excluded.erased_at), version = DEFAULT
)
SELECT id, to_char(requested_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM job
