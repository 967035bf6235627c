INSERT INTO marketing_spends (event_key, at, campaign, source, amount, currency)
SELECT event_key, at, properties ->> 'campaign', coalesce(properties ->> 'traffic_source', properties ->> 'campaign'), amount,
    currency
FROM projecting_rest
WHERE event_type = 'marketing_spend' AND amount IS NOT NULL
ON CONFLICT DO NOTHING
