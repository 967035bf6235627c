-- What is older than the events that are there.
SELECT seed_rebuild()
