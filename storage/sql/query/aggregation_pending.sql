-- Are there events of the business day $1 that are not projected yet?
SELECT pending_between(day_start($1::date, zone), day_start($1::date + 1, zone)) FROM reporting_basis
