-- Some events to be made into projections: $1 pages, or when all have been read, about $2 rows that the projector has
-- taken meanwhile. Returns their number, and how many pages and rows are left.
SELECT events, left_pages, left_rows FROM take_rebuild($1::int, $2::int)
