-- Everything that was ever registered, the newest of a topic and version last. $1 topic, NULL: all.
SELECT topic, version, schema, to_char(registered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       id = max(id) OVER (PARTITION BY topic, version)
FROM event_schemas
WHERE $1::text IS NULL OR topic = $1
ORDER BY topic, version, id
LIMIT 1000
