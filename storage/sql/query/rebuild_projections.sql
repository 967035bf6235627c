-- $1: the texts of the statements that project. Returns the events that were projected again.
SELECT rebuild_projections($1::text[])
