-- What operators ask of the whole store: what it costs, and that a person be forgotten.

-- What each event type takes up: a partition's bytes, its indexes and TOAST included, are shared out among
-- types by the size of their rows. Of a partition with more than whole_pages pages so many are looked at,
-- picked by chance; then the counts are estimates, and sampled says so.
CREATE FUNCTION storage_cost(whole_pages bigint)
RETURNS TABLE (event_type text, events bigint, bytes bigint, sampled boolean) LANGUAGE plpgsql STABLE AS $$
DECLARE
    part    regclass;
    total   bigint;
    percent double precision;
BEGIN
    FOR part IN SELECT relid FROM pg_partition_tree('analytics_events') WHERE isleaf LOOP
        total := pg_total_relation_size(part);
        percent := least(100, 100.0 * whole_pages
            / greatest(1, pg_relation_size(part) / current_setting('block_size')::int));
        RETURN QUERY EXECUTE format(
            'SELECT t.event_type, round(t.n * 100 / $1)::bigint, round($2 * t.size / sum(t.size) OVER ())::bigint, '
            '$1 < 100 FROM (SELECT event_type, count(*) AS n, sum(pg_column_size(e.*)) AS size '
            'FROM %s AS e %s GROUP BY 1) AS t',
            part, CASE WHEN percent < 100 THEN format('TABLESAMPLE SYSTEM (%s)', percent) ELSE '' END)
            USING percent, total;
    END LOOP;
END
$$;

-- A person to be forgotten. The work is done in steps (erase_step), by whoever is asked and, when that one is
-- gone, by whoever finds it due; a second round some time later finds what was under way during the first.
CREATE TABLE erasures (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    requested_at timestamptz NOT NULL DEFAULT now(),-- what was stored until then, and older events that come later, go
    mode         text        NOT NULL CHECK (mode IN ('delete', 'anonymize')),
    dry_run      boolean     NOT NULL,
    secret       text,                              -- stand-ins are made with it; forgotten at the end
    round        integer     NOT NULL DEFAULT 1,
    stage        integer     NOT NULL,              -- see erase_step
    relation     text,                              -- where the stage is, NULL: at its beginning
    page         bigint      NOT NULL DEFAULT 0,
    suppressed   boolean     NOT NULL DEFAULT false,-- the identities found are in erased_identities
    due_at       timestamptz NOT NULL,              -- nobody is at it any more
    rest_until   timestamptz,                       -- of the second round: not before
    report       jsonb       NOT NULL DEFAULT '{}', -- {table: rows}
    finished_at  timestamptz
);
CREATE INDEX erasures_due ON erasures (due_at) WHERE finished_at IS NULL;

-- Whose rows they are, while the erasure goes on. An id that other customers have as well is not the person's.
CREATE TABLE erasure_ids (
    erasure_id bigint  NOT NULL REFERENCES erasures ON DELETE CASCADE,
    kind       text    NOT NULL,                    -- customer, email (as stored), session, cart
    id         text    NOT NULL,
    given      boolean NOT NULL DEFAULT false,      -- by whoever asked
    PRIMARY KEY (erasure_id, kind, id)
);

-- Identities whose older events must not bring the person back. Keyed hashes; version: new with every change.
CREATE TABLE erased_identities (
    hash      text        PRIMARY KEY,
    key_id    text        NOT NULL,                 -- of the key that made it
    erased_at timestamptz NOT NULL,
    version   bigint      GENERATED ALWAYS AS IDENTITY
);

-- What an erased id becomes: the same everywhere in a round, and after the secret is gone nobody's.
CREATE FUNCTION erased_token(secret text, id text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'erased-' || left(encode(sha256(convert_to(secret || '/' || id, 'UTF8')), 'hex'), 24)
$$;

-- Properties that say nothing about who it was: those in keep, and a reason's code.
CREATE FUNCTION erased_properties(properties jsonb, event_type text, keep text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(key, value), '{}')
    FROM (
        SELECT key, value FROM jsonb_each(properties)
        WHERE key = ANY (keep) AND jsonb_typeof(value) NOT IN ('object', 'array')
          AND NOT (key = 'name' AND event_type LIKE 'customer%')
        UNION ALL
        SELECT 'reason', jsonb_build_object('code', properties #> '{reason,code}')
        WHERE jsonb_typeof(properties #> '{reason,code}') = 'string'
    ) AS kept
$$;

-- Does a letter's payload, JSON or not, name one of these? Short ids only where they are a whole JSON string, or
-- the number under customer_id: elsewhere they would be found in anything.
CREATE FUNCTION letter_names(payload text, ids text[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT EXISTS (
        SELECT FROM unnest(ids) AS id
        WHERE strpos(payload, id) > 0
          AND (strpos(payload, to_json(id)::text) > 0
               OR strpos(payload, '"customer_id":' || id || ',') > 0
               OR strpos(payload, '"customer_id":' || id || '}') > 0
               OR length(id) >= 4 AND payload ~ ('(^|[^[:alnum:]_-])'
                   || regexp_replace(id, '([][(){}.*+?^$|\\-])', '\\\1', 'g') || '($|[^[:alnum:]_-])')))
$$;

-- The tables a stage works through. Beside events and letters: every table that holds ids of persons, found by
-- the names of its columns, months that were taken out of analytics_events included.
CREATE FUNCTION erasure_relations(stage integer) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT relid::regclass::text FROM pg_partition_tree('analytics_events') WHERE isleaf AND stage <= 3
    UNION ALL
    SELECT 'dead_letter_queue' WHERE stage = 4
    UNION ALL
    SELECT DISTINCT c.oid::regclass::text
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE stage = 5 AND c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
      AND a.attname IN ('customer_id', 'session_id', 'cart_id') AND NOT a.attisdropped
      AND c.oid NOT IN (SELECT relid FROM pg_partition_tree('analytics_events'))
$$;

-- Of one of these tables: ids get their stand-ins, what else tells who it was goes. Returns the rows.
CREATE FUNCTION erase_ids(relation regclass, secret text, from_row tid, to_row tid, dry_run boolean,
                          customers text[], sessions text[], carts text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    sets   text;
    wheres text;
    n      bigint;
BEGIN
    SELECT string_agg(CASE
               WHEN l.list IS NOT NULL THEN format('%1$I = CASE WHEN %1$I = ANY (%2$s) THEN erased_token($1, %1$I) ELSE %1$I END',
                                                   a.attname, l.list)
               ELSE format('%I = NULL', a.attname) END, ', '),
           string_agg(format('%I = ANY (%s)', a.attname, l.list), ' OR ') FILTER (WHERE l.list IS NOT NULL)
    INTO sets, wheres
    FROM pg_attribute AS a
    JOIN (VALUES ('customer_id', '$4'), ('session_id', '$5'), ('cart_id', '$6'), ('customer_name', NULL),
                 ('page_url', NULL), ('ip_address', NULL), ('user_agent', NULL), ('email', NULL), ('trace_id', NULL))
        AS l(name, list) ON l.name = a.attname
    WHERE a.attrelid = relation AND NOT a.attisdropped;
    IF dry_run THEN
        EXECUTE format('SELECT count(*) FROM %s WHERE ctid >= $2 AND ctid < $3 AND $1 IS NOT NULL AND (%s)', relation, wheres)
            INTO n USING secret, from_row, to_row, customers, sessions, carts;
    ELSE
        EXECUTE format('UPDATE %s SET %s WHERE ctid >= $2 AND ctid < $3 AND (%s)', relation, sets, wheres)
            USING secret, from_row, to_row, customers, sessions, carts;
        GET DIAGNOSTICS n = ROW_COUNT;
    END IF;
    RETURN n;
END
$$;

-- The person's events among these rows of a partition: gone, or nobody's any more. All in one statement, so that
-- its events and its marks are of one moment: what is not projected yet has to wait (held), but for rows that were
-- set aside, whose marks follow them. Returns the rows, or NULL when some are held.
CREATE FUNCTION erase_events(relation regclass, job erasures, from_row tid, to_row tid, keep text[],
                             customers text[], emails text[], sessions text[], carts text[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    hits text := format(
        'WITH hit AS MATERIALIZED (SELECT ctid AS row_id FROM %s WHERE ctid >= $1 AND ctid < $2 AND (customer_id = ANY ($3) '
        'OR email = ANY ($4) OR (customer_id IS NULL AND (session_id = ANY ($5) OR cart_id = ANY ($6)))) '
        'AND (created_at <= $7 OR received_at <= $7)), ', relation);
    held text := format(
        'held AS MATERIALIZED (SELECT FROM hit JOIN projection_marks AS m ON hit.row_id = ANY (m.row_ids) '
        'WHERE m.part = %L::regclass AND NOT m.set_aside LIMIT 1), ', relation);
    change text;
    n      bigint;
BEGIN
    IF job.dry_run THEN
        EXECUTE hits || 'nothing AS (SELECT $8, $9) SELECT count(*) FROM hit' INTO n
            USING from_row, to_row, customers, emails, sessions, carts, job.requested_at, keep, '';
        RETURN n;
    END IF;
    IF job.mode = 'delete' THEN
        change := format('DELETE FROM %s AS e USING hit WHERE $8 IS NOT NULL AND $9 IS NOT NULL AND', relation);
    ELSE
        change := format(
            'UPDATE %s AS e SET customer_id = erased_token($9, customer_id), '
            'session_id = CASE WHEN session_id = ANY ($5) THEN erased_token($9, session_id) ELSE session_id END, '
            'cart_id = CASE WHEN cart_id = ANY ($6) THEN erased_token($9, cart_id) ELSE cart_id END, '
            'trace_id = NULL, ip_address = NULL, user_agent = NULL, email = NULL, pii_key_id = NULL, '
            'properties = erased_properties(properties, event_type, $8) FROM hit WHERE', relation);
    END IF;
    EXECUTE hits || held || 'changed AS (' || change || ' e.ctid = hit.row_id AND e.ctid >= $1 AND e.ctid < $2 '
        'AND NOT EXISTS (SELECT FROM held) RETURNING hit.row_id AS was, '
        || CASE job.mode WHEN 'delete' THEN 'NULL::tid' ELSE 'e.ctid' END || ' AS row_id), '
        'followed AS (UPDATE projection_marks AS m SET row_ids = ARRAY(SELECT coalesce(c.row_id, r) '
        'FROM unnest(m.row_ids) AS r LEFT JOIN changed AS c ON c.was = r WHERE c.was IS NULL OR c.row_id IS NOT NULL) '
        || format('WHERE m.part = %L::regclass AND m.set_aside ', relation) ||
        'AND EXISTS (SELECT FROM changed AS c WHERE c.was = ANY (m.row_ids))) '
        'SELECT CASE WHEN NOT EXISTS (SELECT FROM held) THEN (SELECT count(*) FROM changed) END' INTO n
        USING from_row, to_row, customers, emails, sessions, carts, job.requested_at, keep, job.secret || job.round;
    RETURN n;
END
$$;

-- The next step of an erasure: so many pages of one table. Stages: 0 customers of the given e-mail address, 1 the
-- person's sessions, carts and addresses, 2 without those that others have as well, 3 events, 4 dead letters,
-- 5 projections. action: go on, suppress (enter the identities found into erased_identities first), busy (held, or
-- another one is at it), rest (the first round is over), done.
CREATE FUNCTION erase_step(wanted bigint, pages bigint, keep text[], lease interval, pause interval)
RETURNS TABLE (action text) LANGUAGE plpgsql AS $$
DECLARE
    job       erasures;
    rel       text;
    from_row  tid;
    to_row    tid;
    n         bigint := 0;
    customers text[];
    emails    text[];
    sessions  text[];
    carts     text[];
BEGIN
    SELECT * INTO job FROM erasures WHERE id = wanted AND finished_at IS NULL FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN QUERY SELECT CASE WHEN finished_at IS NULL THEN 'busy' ELSE 'done' END FROM erasures WHERE id = wanted;
        RETURN;
    END IF;
    IF job.rest_until > now() THEN
        RETURN QUERY SELECT 'rest';
        RETURN;
    END IF;
    IF job.stage = 3 AND NOT job.suppressed AND NOT job.dry_run THEN
        RETURN QUERY SELECT 'suppress';
        RETURN;
    END IF;
    rel := coalesce(job.relation, (SELECT min(r COLLATE "C") FROM erasure_relations(job.stage) AS r));
    IF rel IS NOT NULL AND to_regclass(rel) IS NOT NULL THEN
        IF job.stage IN (3, 5) AND NOT job.dry_run THEN
            PERFORM pg_advisory_xact_lock(7023194586012448);
        END IF;
        from_row := format('(%s,0)', job.page)::tid;
        to_row := format('(%s,0)', job.page + pages)::tid;
        SELECT coalesce(array_agg(id) FILTER (WHERE kind = 'customer'), '{}'),
               coalesce(array_agg(id) FILTER (WHERE kind = 'email'), '{}'),
               coalesce(array_agg(id) FILTER (WHERE kind = 'session'), '{}'),
               coalesce(array_agg(id) FILTER (WHERE kind = 'cart'), '{}')
        INTO customers, emails, sessions, carts FROM erasure_ids WHERE erasure_id = wanted;
        CASE job.stage
        WHEN 0 THEN
            EXECUTE format('INSERT INTO erasure_ids SELECT DISTINCT $1, ''customer'', customer_id FROM %s '
                           'WHERE ctid >= $2 AND ctid < $3 AND email = ANY ($4) AND customer_id IS NOT NULL '
                           'AND (created_at <= $5 OR received_at <= $5) ON CONFLICT DO NOTHING', rel)
                USING wanted, from_row, to_row, emails, job.requested_at;
        WHEN 1 THEN
            EXECUTE format('INSERT INTO erasure_ids SELECT DISTINCT $1, k.kind, k.id FROM %s AS e, LATERAL (VALUES '
                           '(''session'', session_id), (''cart'', cart_id), (''email'', email)) AS k(kind, id) '
                           'WHERE e.ctid >= $2 AND e.ctid < $3 AND (customer_id = ANY ($4) OR email = ANY ($5)) '
                           'AND k.id IS NOT NULL AND (created_at <= $6 OR received_at <= $6) ON CONFLICT DO NOTHING', rel)
                USING wanted, from_row, to_row, customers, emails, job.requested_at;
        WHEN 2 THEN
            EXECUTE format('DELETE FROM erasure_ids AS i USING %s AS e, LATERAL (VALUES (''session'', session_id), '
                           '(''cart'', cart_id), (''email'', email)) AS k(kind, id) '
                           'WHERE e.ctid >= $2 AND e.ctid < $3 AND customer_id IS NOT NULL AND customer_id <> ALL ($4) AND (session_id = ANY ($5) '
                           'OR cart_id = ANY ($6) OR email = ANY ($7)) AND i.erasure_id = $1 AND i.kind = k.kind '
                           'AND i.id = k.id AND NOT i.given', rel)
                USING wanted, from_row, to_row, customers, sessions, carts, emails;
        WHEN 3 THEN
            n := erase_events(rel, job, from_row, to_row, keep, customers, emails, sessions, carts);
        WHEN 4 THEN
            IF job.dry_run THEN
                SELECT count(*) INTO n FROM dead_letter_queue WHERE ctid >= from_row AND ctid < to_row
                   AND first_seen <= job.requested_at AND letter_names(payload, customers || emails || sessions || carts);
            ELSIF job.mode = 'delete' THEN
                DELETE FROM dead_letter_queue WHERE ctid >= from_row AND ctid < to_row
                   AND first_seen <= job.requested_at AND letter_names(payload, customers || emails || sessions || carts);
                GET DIAGNOSTICS n = ROW_COUNT;
            ELSE
                UPDATE dead_letter_queue
                SET payload = '', event_id = NULL, trace_id = NULL, claimed_by = NULL, lease_until = NULL,
                    next_retry_at = NULL, status = CASE status WHEN 'resolved' THEN status ELSE 'discarded' END
                WHERE ctid >= from_row AND ctid < to_row
                  AND first_seen <= job.requested_at AND letter_names(payload, customers || emails || sessions || carts);
                GET DIAGNOSTICS n = ROW_COUNT;
            END IF;
        WHEN 5 THEN
            n := erase_ids(rel, job.secret || job.round, from_row, to_row, job.dry_run, customers, sessions, carts);
        END CASE;
        IF n IS NULL THEN
            UPDATE erasures SET due_at = now() + lease WHERE id = wanted;
            RETURN QUERY SELECT 'busy';
            RETURN;
        END IF;
        IF n > 0 THEN
            job.report := job.report || jsonb_build_object(
                CASE WHEN job.stage = 3 THEN 'analytics_events' ELSE rel END, n
                + coalesce((job.report ->> CASE WHEN job.stage = 3 THEN 'analytics_events' ELSE rel END)::bigint, 0));
        END IF;
        job.page := job.page + pages;
    END IF;
    job.relation := rel;
    IF rel IS NULL OR to_regclass(rel) IS NULL
       OR job.page * current_setting('block_size')::bigint >= pg_relation_size(to_regclass(rel)) THEN
        job.page := 0;
        job.relation := (SELECT min(r COLLATE "C") FROM erasure_relations(job.stage) AS r WHERE r COLLATE "C" > rel);
        IF job.relation IS NULL THEN
            job.stage := job.stage + 1;
        END IF;
    END IF;
    IF job.stage = 6 AND (job.round = 2 OR job.dry_run) THEN
        UPDATE erasures SET finished_at = now(), secret = NULL, report = job.report WHERE id = wanted;
        DELETE FROM erasure_ids WHERE erasure_id = wanted;
        RETURN QUERY SELECT 'done';
    ELSIF job.stage = 6 THEN
        UPDATE erasures
        SET round = 2, relation = NULL, page = 0, suppressed = false, report = job.report,
            stage = CASE WHEN EXISTS (SELECT FROM erasure_ids WHERE erasure_id = wanted AND kind = 'email' AND given)
                         THEN 0 ELSE 1 END,
            rest_until = now() + pause, due_at = now() + pause
        WHERE id = wanted;
        RETURN QUERY SELECT 'rest';
    ELSE
        UPDATE erasures SET stage = job.stage, relation = job.relation, page = job.page, report = job.report,
                            due_at = now() + lease
        WHERE id = wanted;
        RETURN QUERY SELECT 'go';
    END IF;
END
$$;

-- A walk through everything that is stored, row by row, for personal data in clear: backfill rewrites it, audit
-- counts it. One that was interrupted goes on where it was.
CREATE TABLE pii_scans (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text        NOT NULL CHECK (kind IN ('backfill', 'audit')),
    relation    text,                               -- where it is, NULL: at the beginning
    at          tid         NOT NULL DEFAULT '(0,1)',
    rows        bigint      NOT NULL DEFAULT 0,     -- looked at
    findings    jsonb       NOT NULL DEFAULT '{}',  -- {table: {column: rows with personal data in clear}}
    rewritten   bigint      NOT NULL DEFAULT 0,
    left_alone  bigint      NOT NULL DEFAULT 0,     -- found, and could not be rewritten
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX pii_scans_of ON pii_scans (kind, id);

-- The tables with text in them, those aside that hold nothing of events.
CREATE FUNCTION pii_relations() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT DISTINCT c.oid::regclass::text
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND NOT a.attisdropped
      AND a.attnum > 0 AND a.atttypid IN ('text'::regtype, 'jsonb'::regtype)
      AND c.relname NOT SIMILAR TO
          '(schema|service|reporting|job|reconciliation|projection|pii|erasure|erased|event_schemas|fx_rates)%'
$$;

-- The next rows of a scan: their text as JSON, with place and version; at last a row without doc, whose place is
-- where to go on. pages is how far it looks, and no further than 2 MiB of text and the row that goes beyond.
CREATE FUNCTION pii_scan_rows(scan bigint, pages bigint)
RETURNS TABLE (relation text, row_id tid, version text, doc text) LANGUAGE plpgsql STABLE AS $$
DECLARE
    s     pii_scans;
    rel   text;
    cols  text;
    place point;
    bytes bigint := 0;
    r     record;
BEGIN
    SELECT * INTO STRICT s FROM pii_scans WHERE id = scan;
    rel := coalesce(s.relation, (SELECT min(p COLLATE "C") FROM pii_relations() AS p));
    place := s.at::text::point;
    relation := rel;
    IF to_regclass(rel) IS NOT NULL THEN
        SELECT string_agg(format('%L, %I', attname, attname), ', ') INTO cols
        FROM pg_attribute
        WHERE attrelid = to_regclass(rel) AND attnum > 0 AND NOT attisdropped
          AND atttypid IN ('text'::regtype, 'jsonb'::regtype);
        FOR r IN EXECUTE format('SELECT ctid AS row_id, xmin::text AS version, jsonb_build_object(%s)::text AS doc FROM %s '
                                'WHERE ctid >= $1 AND ctid < $2', cols, rel)
                 USING s.at, format('(%s,0)', place[0]::bigint + pages)::tid LOOP
            row_id := r.row_id;
            version := r.version;
            doc := r.doc;
            RETURN NEXT;
            bytes := bytes + octet_length(r.doc);
            IF bytes > 2097152 THEN
                place := r.row_id::text::point;
                row_id := format('(%s,%s)', place[0]::bigint, place[1]::bigint + 1)::tid;
                doc := NULL;
                RETURN NEXT;
                RETURN;
            END IF;
        END LOOP;
    END IF;
    row_id := format('(%s,1)', place[0]::bigint + pages)::tid;
    doc := NULL;
    RETURN NEXT;
END
$$;

-- Writes what a scan has found in some rows ([{"r": place, "v": version, "d": {column: value}}]); a row that has
-- changed meanwhile is left alone, and so is one whose events are set aside by the projector. Returns how many
-- were written, or NULL when some are not projected yet: they are known by their places, and have to be waited for.
CREATE FUNCTION pii_rewrite(rel regclass, changes jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    cols text;
    rewrite text;
    n    bigint;
    one  jsonb;
    here bigint;
BEGIN
    SELECT string_agg(quote_ident(attname), ', ') INTO cols
    FROM pg_attribute
    WHERE attrelid = rel AND attnum > 0 AND NOT attisdropped AND atttypid IN ('text'::regtype, 'jsonb'::regtype);
    rewrite := format(
        'WITH u AS MATERIALIZED (SELECT (c ->> ''r'')::tid AS row_id, c ->> ''v'' AS version, c -> ''d'' AS doc '
        'FROM jsonb_array_elements($1) AS c), '
        'held AS MATERIALIZED (SELECT u.row_id, m.set_aside FROM u JOIN projection_marks AS m '
        'ON u.row_id = ANY (m.row_ids) WHERE m.part = %1$L::regclass), '
        'changed AS (UPDATE %1$s AS t SET (%2$s) = (SELECT %2$s FROM jsonb_populate_record(t, u.doc)) FROM u '
        'WHERE t.ctid = u.row_id AND t.xmin::text = u.version AND NOT EXISTS (SELECT FROM held WHERE NOT set_aside) '
        'AND u.row_id NOT IN (SELECT row_id FROM held) RETURNING 1) '
        'SELECT CASE WHEN NOT EXISTS (SELECT FROM held WHERE NOT set_aside) THEN (SELECT count(*) FROM changed) END',
        rel, cols);
    BEGIN
        PERFORM pg_advisory_xact_lock(7023194586012448);
        EXECUTE rewrite INTO n USING changes;
        RETURN n;
    EXCEPTION
        WHEN lock_not_available THEN
            RETURN NULL;
        WHEN unique_violation THEN -- its anonymous form is there already
            n := 0;
    END;
    FOR one IN SELECT * FROM jsonb_array_elements(changes) LOOP
        BEGIN
            EXECUTE rewrite INTO here USING jsonb_build_array(one);
            n := n + coalesce(here, 0);
        EXCEPTION WHEN unique_violation THEN
            NULL;
        END;
    END LOOP;
    RETURN n;
END
$$;

-- Records what was found up to a place, and how far the scan has come: go on, busy (the same again), done.
CREATE FUNCTION pii_scan_step(scan bigint, rel text, upto tid, seen bigint, hits jsonb, changes jsonb) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    s pii_scans;
    n bigint := 0;
BEGIN
    SELECT * INTO STRICT s FROM pii_scans WHERE id = scan FOR UPDATE;
    IF s.kind = 'backfill' AND changes <> '[]' THEN
        n := pii_rewrite(rel, changes);
        IF n IS NULL THEN
            RETURN 'busy';
        END IF;
        s.left_alone := s.left_alone + jsonb_array_length(changes) - n;
    END IF;
    IF hits <> '{}' THEN
        s.findings := s.findings || jsonb_build_object(
            CASE WHEN to_regclass(rel) IN (SELECT relid FROM pg_partition_tree('analytics_events'))
                 THEN 'analytics_events' ELSE rel END,
            (SELECT jsonb_object_agg(name, sum) FROM (
                 SELECT key AS name, sum(value::bigint) FROM (
                     SELECT * FROM jsonb_each_text(hits)
                     UNION ALL
                     SELECT * FROM jsonb_each_text(s.findings -> CASE
                         WHEN to_regclass(rel) IN (SELECT relid FROM pg_partition_tree('analytics_events'))
                         THEN 'analytics_events' ELSE rel END)) AS f
                 GROUP BY 1) AS g));
    END IF;
    s.relation := rel;
    s.at := upto;
    IF rel IS NULL OR to_regclass(rel) IS NULL OR (upto::text::point)[0]::bigint * current_setting('block_size')::bigint
                                                  >= pg_relation_size(to_regclass(rel)) THEN
        s.at := '(0,1)';
        s.relation := (SELECT min(p COLLATE "C") FROM pii_relations() AS p WHERE p COLLATE "C" > rel);
    END IF;
    UPDATE pii_scans
    SET relation = s.relation, at = s.at, rows = s.rows + seen, findings = s.findings, rewritten = s.rewritten + n,
        left_alone = s.left_alone, finished_at = CASE WHEN s.relation IS NULL THEN now() END
    WHERE id = scan;
    RETURN CASE WHEN s.relation IS NULL THEN 'done' ELSE 'go' END;
END
$$;

-- Stored events once more through the projection, some pages of a month at a time.

-- The months that hold events of [start, until), with their pages.
CREATE FUNCTION replay_months(start timestamptz, until timestamptz) RETURNS TABLE (part text, pages bigint)
LANGUAGE sql STABLE AS $$
    SELECT relid::regclass::text, pg_relation_size(relid) / current_setting('block_size')::bigint
    FROM pg_partition_tree('analytics_events') AS t
    JOIN pg_class AS c ON c.oid = t.relid
    CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), $r$FROM \('(.*)'\) TO \('(.*)'\)$r$) AS bounds
    WHERE t.isleaf AND bounds[1]::timestamptz < until AND bounds[2]::timestamptz > start
$$;

-- Gives the events of [start, until) in these pages to the statements of a projector's step. dry: counts them only.
-- Returns how many there are, and where to go on: NULL at the end.
CREATE FUNCTION replay_events(start timestamptz, until timestamptz, from_part text, from_page bigint, pages bigint, dry boolean)
RETURNS TABLE (events bigint, part text, page bigint) LANGUAGE plpgsql AS $$
DECLARE
    rows_from tid := format('(%s,0)', from_page)::tid;
    rows_to   tid := format('(%s,0)', from_page + pages)::tid;
BEGIN
    SELECT m.part, from_page + replay_events.pages INTO part, page
    FROM replay_months(start, until) AS m WHERE m.part COLLATE "C" = from_part AND m.pages > from_page + replay_events.pages;
    IF part IS NULL THEN
        SELECT min(m.part COLLATE "C"), 0 INTO part, page FROM replay_months(start, until) AS m WHERE m.part COLLATE "C" > from_part;
    END IF;
    events := 0;
    IF to_regclass(from_part) IS NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;
    IF dry THEN
        EXECUTE format('SELECT count(*) FROM %s WHERE ctid >= $1 AND ctid < $2 AND created_at >= $3 AND created_at < $4',
                       from_part) INTO events USING rows_from, rows_to, start, until;
        RETURN NEXT;
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(7023194586012448);
    events := take_pages(to_regclass(from_part)::oid, from_page, replay_events.pages, start, until);
    RETURN NEXT;
END
$$;
