DELETE FROM segment_sizes WHERE as_of = $1::date
