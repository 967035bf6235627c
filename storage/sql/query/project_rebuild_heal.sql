-- Some $1 keys of a live table are put right: its name, how many rows were wrong, whether that was the last, and
-- whether the projector should have its turn.
SELECT name, wrong, done, waiting FROM heal_from_rebuild($1::int)
