-- What is registered and counts.
SELECT DISTINCT ON (topic, version) topic, version, schema FROM event_schemas ORDER BY topic, version, id DESC
