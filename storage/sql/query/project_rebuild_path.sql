-- The transaction's projections are those that are made anew.
SELECT set_config('search_path', 'rebuilding, public', true)
