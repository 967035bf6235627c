-- No more rebuild, and nothing left of it.
SELECT drop_rebuild()
