-- Changes whenever an identity was erased; and an erasure that nobody is at.
SELECT coalesce(sum(version), 0), count(*),
       (SELECT id FROM erasures WHERE finished_at IS NULL AND due_at <= now() ORDER BY due_at LIMIT 1)
FROM erased_identities
