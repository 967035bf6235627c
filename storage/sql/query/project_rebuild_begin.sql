-- Registers a rebuild; false: not now.
SELECT begin_rebuild()
