DELETE FROM anomalies WHERE quarter < $1::timestamptz - interval '1 year'
