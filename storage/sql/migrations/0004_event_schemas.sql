-- Registered versions of topics' schemas, beside those that are built in. Rows are only added: of a topic and
-- version the newest counts.
CREATE TABLE event_schemas (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic         text        NOT NULL,
    version       text        NOT NULL,
    schema        jsonb       NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now()
);
