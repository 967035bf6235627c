-- What other workers and replicas tell each other; see schemas_register.sql.
LISTEN analytics
