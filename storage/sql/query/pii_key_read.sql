SELECT value FROM service_settings WHERE name = 'pii_hmac_key'
