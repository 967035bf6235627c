INSERT INTO service_settings (name, value) VALUES ('pii_hmac_key', $1) ON CONFLICT (name) DO NOTHING
