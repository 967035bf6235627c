-- Changes whenever an identity was erased; an erasure that nobody is at; and how often the last audit found
-- personal data in clear.
SELECT coalesce(sum(version), 0), count(*),
       (SELECT id FROM erasures WHERE finished_at IS NULL AND due_at <= now() ORDER BY due_at LIMIT 1),
       (SELECT coalesce(sum(c.value::bigint), 0)
        FROM (SELECT findings FROM pii_scans WHERE kind = 'audit' AND finished_at IS NOT NULL ORDER BY id DESC LIMIT 1) AS s,
             jsonb_each(s.findings) AS t, jsonb_each_text(t.value) AS c)
FROM erased_identities
