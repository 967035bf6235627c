-- What follows in this transaction may take its time.
SELECT set_config('statement_timeout', '0', true)
