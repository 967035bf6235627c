-- Identities in generations: a small one that takes claims, older ones that are only read, each kept until
-- the events it guards would be refused as too old. An index that takes random keys costs a page of WAL a
-- claim after each checkpoint: so it is kept small.
--
-- processed_events is all of them, and holds no row itself. Claims go into processed_events_current, and look
-- into processed_events_older, the parent of all that have been closed.
-- Why a claim cannot slip through a rotation: it holds its lock on processed_events_current from before its
-- snapshot is taken until it has committed, and the rotation renames that table under an exclusive lock. So
-- each claim comes wholly before (then the others behind the rotation see it) or wholly behind (then its plan
-- is made anew, for the new current one, and it sees all that was closed).
ALTER TABLE processed_events RENAME TO processed_events_current;
ALTER INDEX processed_events_pkey RENAME TO processed_events_current_pkey;

CREATE TABLE processed_events (
    event_key uuid NOT NULL,                        -- of source and event id
    digest    uuid NOT NULL                         -- of the content; its first byte is the digest's version
);
CREATE TABLE processed_events_older (PRIMARY KEY (event_key)) INHERITS (processed_events);
ALTER TABLE processed_events_current INHERIT processed_events;

-- Claims of a program that knows no generations would be checked against nothing: they fail, and are retried.
CREATE FUNCTION refuse_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'identities are claimed in processed_events_current' USING ERRCODE = 'serialization_failure';
END
$$;
CREATE TRIGGER processed_events_holds_nothing BEFORE INSERT ON processed_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_claim();

CREATE TABLE identity_generations (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- a closed one is processed_events_<id>
    opened_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz                           -- NULL: the current one
);
INSERT INTO identity_generations DEFAULT VALUES;

-- What a claim says that finds its key in an older generation: the same as for one in the current.
CREATE FUNCTION identity_is_taken() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE unique_violation;
END
$$;

-- Closes the current generation when it is larger than max_bytes, or older than max_age and not empty; drops
-- those whose identities all belong to events older than horizon. An event's time is at most minutes ahead of
-- its claim, which is before the generation was closed; a day is left for clocks that differ.
-- Claims queue up behind whoever waits for an exclusive lock: where somebody else (a dump, a long question)
-- holds the table, this gives up at once, and the next run tries again.
CREATE FUNCTION rotate_identities(max_bytes bigint, max_age interval, horizon interval,
                                  OUT closed integer, OUT dropped integer)
LANGUAGE plpgsql SET lock_timeout = '250ms' AS $$
DECLARE
    current identity_generations;
    name    text;
    old     bigint;
BEGIN
    closed := 0;
    dropped := 0;
    LOCK TABLE identity_generations IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO STRICT current FROM identity_generations WHERE closed_at IS NULL;
    FOR old IN SELECT id FROM identity_generations WHERE closed_at < now() - horizon - interval '1 day' LOOP
        EXECUTE format('DROP TABLE %I', 'processed_events_' || old);
        DELETE FROM identity_generations WHERE id = old;
        dropped := dropped + 1;
    END LOOP;
    IF pg_total_relation_size('processed_events_current') > max_bytes
        OR (current.opened_at < now() - max_age AND EXISTS (SELECT FROM processed_events_current))
    THEN
        name := 'processed_events_' || current.id;
        ANALYZE processed_events_current; -- claims will be planned anew, with this generation to look into
        LOCK TABLE processed_events_current IN ACCESS EXCLUSIVE MODE;
        UPDATE identity_generations SET closed_at = clock_timestamp() WHERE id = current.id;
        INSERT INTO identity_generations (opened_at) VALUES (clock_timestamp());
        EXECUTE format('ALTER INDEX processed_events_current_pkey RENAME TO %I', name || '_pkey');
        EXECUTE format('ALTER TABLE processed_events_current RENAME TO %I', name);
        EXECUTE format('ALTER TABLE %I NO INHERIT processed_events', name);
        EXECUTE format('ALTER TABLE %I INHERIT processed_events_older', name);
        CREATE TABLE processed_events_current (PRIMARY KEY (event_key)) INHERITS (processed_events);
        closed := 1;
    END IF;
EXCEPTION WHEN lock_not_available THEN
    closed := 0; -- all of it is undone
    dropped := 0;
END
$$;

-- Forgets entities nobody has heard of for longer than events are accepted, at most so many. Those that a batch
-- holds are left alone, so nobody waits for a lock here.
CREATE FUNCTION forget_sequences(horizon interval, most integer) RETURNS bigint LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM event_sequence_tracking WHERE entity_key IN (
            SELECT entity_key FROM event_sequence_tracking WHERE touched_on < current_date - horizon
            LIMIT most FOR UPDATE SKIP LOCKED)
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

-- Its arrays of up to a thousand rows stay in line: compressing them took longer than writing them.
ALTER TABLE projection_marks SET (toast_tuple_target = 8160);
