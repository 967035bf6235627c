-- What the statement cohorts_put makes again.
DELETE FROM cohorts WHERE cohort_month >= date_trunc('month', $1::date) - interval '24 months'
