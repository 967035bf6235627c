-- Adds a version, and tells everybody at its commit. $1 topic, $2 version, $3 schema.
WITH added AS (
    INSERT INTO event_schemas (topic, version, schema) VALUES ($1::text, $2::text, $3::jsonb) RETURNING registered_at
)
SELECT to_char(registered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), pg_notify('analytics', 'schemas')
FROM added
