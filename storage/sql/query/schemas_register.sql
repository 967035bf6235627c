-- Adds a version. $1 topic, $2 version, $3 schema.
INSERT INTO event_schemas (topic, version, schema) VALUES ($1::text, $2::text, $3::jsonb)
RETURNING to_char(registered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
