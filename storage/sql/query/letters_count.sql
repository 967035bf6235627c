-- Dead letters by topic and state.
SELECT coalesce(topic, ''), letter_status(status, lease_until), count(*) FROM dead_letter_queue GROUP BY 1, 2
