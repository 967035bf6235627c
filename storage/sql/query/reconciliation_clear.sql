-- What an earlier run said of the day $1; and, with it, what is older than two years.
DELETE FROM reconciliation_reports WHERE day = $1::date OR day < $1::date - 730
