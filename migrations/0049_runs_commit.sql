-- runs_commit: the only statement that changes runs. Takes decisions made by the pure core, each guarded by its run's
-- version and, where effects caused it, by their fencing tokens; commits each or says why not. What they leave in other
-- tables comes as the rows of all, so that a commit of many runs is one statement a table (0048_run_rows.sql). Lock order in
-- here and everywhere: runs by their ids, then starts, then the outbox by its ids, then jobs, then providers.

-- What the end of a run is told with.
CREATE OR REPLACE FUNCTION run_ended(run jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN jsonb_build_object('run_id', run->'run_id', 'project', run->'definition'->'key', 'status', run->'status',
                              'mode', run->'mode', 'version', run->'version');
END $$;

-- Takes a new run's clips from its project's budget of the UTC day, where it has one; clips that it is born with cost
-- nothing. NULL when there is room, else {"result": "over_budget", "used", "limit"}. One statement per project's row, so
-- that starts at the same time never exceed it together; a clock that lags counts for the newest day.
CREATE OR REPLACE FUNCTION budget_take(run jsonb, a_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_project text := run->'definition'->>'key';
    allowed integer := (run->'settings'->>'clips_per_day')::integer;
    a_day date := (a_now AT TIME ZONE 'UTC')::date;
    wanted integer := (SELECT count(*) FROM jsonb_array_elements(run->'clips') AS clip
                        WHERE clip->'state'->>'state' <> 'generated');
BEGIN
    IF allowed IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO project_budgets AS held (project, day, clips) VALUES (a_project, a_day, 0)
    ON CONFLICT (project) DO UPDATE SET day = excluded.day, clips = 0 WHERE held.day < excluded.day;
    UPDATE project_budgets SET clips = clips + wanted WHERE project = a_project AND clips + wanted <= allowed;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_build_object('result', 'over_budget', 'limit', allowed,
                              'used', (SELECT clips FROM project_budgets WHERE project = a_project));
END $$;

-- Writes a new run. Null, or why not: its idempotency key is known, the service drains, its parent has this successor, or
-- its project's clips of the day are used up.
CREATE OR REPLACE FUNCTION run_start(decision jsonb, a_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    run jsonb := decision->'run';
    earlier record;
    refused jsonb := drain_refusal(decision);
BEGIN
    IF refused IS NOT NULL THEN
        RETURN refused;
    END IF;
    IF decision ? 'idempotency' THEN
        INSERT INTO idempotency_keys (caller, key, fingerprint, run_id, created_at)
        VALUES (decision->'idempotency'->>'caller', decision->'idempotency'->>'key',
                decision->'idempotency'->>'fingerprint', run->>'run_id', a_now)
        ON CONFLICT (caller, key) DO NOTHING;
        IF NOT FOUND THEN
            SELECT run_id, fingerprint INTO earlier FROM idempotency_keys
             WHERE caller = decision->'idempotency'->>'caller' AND key = decision->'idempotency'->>'key';
            RETURN jsonb_build_object('result', CASE
                WHEN earlier.fingerprint = decision->'idempotency'->>'fingerprint' THEN 'replay' ELSE 'mismatch' END,
                'run_id', earlier.run_id);
        END IF;
    END IF;
    -- Before the parent's successor, which another batch may be opening: budgets come first in the lock order of starts.
    PERFORM FROM project_budgets WHERE project = run->'definition'->>'key' FOR UPDATE;
    INSERT INTO runs (run_id, project, status, payload, result, created_at, updated_at, user_id, version, state,
                      awaiting_gate, deadline, finished_at, parent_run_id, successor_key)
    VALUES (run->>'run_id', run->'definition'->>'key', run->>'status', decision->'payload', decision->'result',
            a_now, a_now, run->>'user_id', (run->>'version')::bigint, run, run->'gate'->>'gate',
            (run->>'deadline')::timestamptz, (run->>'finished_at')::timestamptz,
            run->'inheritance'->>'parent_run_id', run->'inheritance'->>'key')
    ON CONFLICT (parent_run_id, successor_key) WHERE parent_run_id IS NOT NULL DO NOTHING;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('result', 'replay', 'run_id', (
            SELECT run_id FROM runs WHERE parent_run_id = run->'inheritance'->>'parent_run_id'
               AND successor_key = run->'inheritance'->>'key'));
    END IF;
    refused := budget_take(run, a_now);
    IF refused IS NOT NULL THEN
        -- Nothing stays of a refused start, and whoever is refused may come again with the same key.
        DELETE FROM runs WHERE run_id = run->>'run_id';
        DELETE FROM idempotency_keys WHERE caller = decision->'idempotency'->>'caller'
           AND key = decision->'idempotency'->>'key';
        RETURN refused;
    END IF;
    INSERT INTO metric_observations (name, labels, value)
    VALUES ('runs_started_total', format('project="%s"', run->'definition'->>'key'), 1);
    RETURN NULL;
END $$;

-- Settles the effects that a commit answers: `done`, `again` (due later), `dead` or `hold` (the run is paused); all of a
-- run's or none of them. Returns those whose fencing token is an old one, [{"effect_id", "run_id"?}], or null.
CREATE OR REPLACE FUNCTION effects_settle(settles jsonb, a_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    fenced jsonb;
    dead bigint[];
BEGIN
    WITH wanted AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(settles) AS row (effect_id bigint, fence bigint, run_id text, outcome text,
            due_at timestamptz, uncounted boolean, not_sent boolean, error text)
    ), held AS MATERIALIZED (
        SELECT outbox.effect_id FROM outbox JOIN wanted USING (effect_id, fence) WHERE outbox.state = 'leased'
         ORDER BY outbox.effect_id FOR UPDATE OF outbox
    ), lost AS MATERIALIZED (
        SELECT effect_id, run_id FROM wanted WHERE effect_id NOT IN (SELECT effect_id FROM held)
    ), settled AS (
        UPDATE outbox SET
            state = CASE outcome WHEN 'done' THEN 'done' WHEN 'dead' THEN 'dead' WHEN 'hold' THEN 'held' ELSE 'due' END,
            lease_until = NULL,
            attempt = CASE WHEN uncounted OR outcome = 'hold' THEN attempt - 1 ELSE attempt END,
            due_at = CASE WHEN poked AND outcome = 'again' THEN a_now ELSE coalesce(wanted.due_at, outbox.due_at) END,
            sent_at = CASE WHEN not_sent THEN NULL ELSE sent_at END,
            poked = false,
            last_error = coalesce(error, last_error),
            updated_at = a_now
          FROM wanted WHERE outbox.effect_id = wanted.effect_id AND wanted.effect_id IN (SELECT effect_id FROM held)
           AND NOT EXISTS (SELECT FROM lost WHERE lost.run_id = wanted.run_id)
        RETURNING outbox.effect_id, outbox.state
    )
    SELECT (SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(lost))) FROM lost),
           (SELECT array_agg(effect_id ORDER BY effect_id) FROM settled WHERE state = 'dead') INTO fenced, dead;
    IF dead IS NOT NULL THEN
        PERFORM export_death(effect_id, a_now) FROM unnest(dead) AS effect_id;
    END IF;
    RETURN fenced;
END $$;

-- The next versions of runs whose rows are locked: which of them are at their end, and which are paused. A paused run waits at
-- its gate, but nobody can decide there: `awaiting_gate` is for those who can.
CREATE OR REPLACE FUNCTION runs_write(decisions jsonb, a_now timestamptz, OUT ended jsonb, OUT paused text[])
LANGUAGE plpgsql AS $$
BEGIN
    WITH written AS (
        UPDATE runs SET status = run->>'status', result = new.result, updated_at = a_now, version = (run->>'version')::bigint,
               state = run, awaiting_gate = CASE WHEN run->>'status' <> 'paused' THEN run->'gate'->>'gate' END,
               deadline = (run->>'deadline')::timestamptz, finished_at = (run->>'finished_at')::timestamptz
          FROM jsonb_to_recordset(decisions) AS new (run_id text, expected_version bigint, run jsonb, result jsonb)
         WHERE runs.run_id = new.run_id AND expected_version > 0
        RETURNING runs.run_id, status, CASE WHEN finished_at IS NOT NULL THEN run_ended(state) END AS end_of_run
    )
    SELECT jsonb_agg(end_of_run) FILTER (WHERE end_of_run IS NOT NULL), array_agg(run_id) FILTER (WHERE status = 'paused')
      INTO ended, paused FROM written;
END $$;

-- The rows that follow from decisions; true when there is work at once.
CREATE OR REPLACE FUNCTION runs_write_rows(request jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    due boolean := false;
BEGIN
    IF request ? 'events' THEN
        PERFORM events_append(request->'events');
    END IF;
    IF request ? 'rearmed' THEN
        PERFORM submissions_rearm(request->'rearmed', a_now);
        due := true;
    END IF;
    IF request ? 'jobs' THEN
        PERFORM jobs_write(request->'jobs', a_now);
    END IF;
    -- What closes comes before what opens, since a run has one open gate at a time.
    IF request->'gates' @? '$[*].state ? (@ != "open")' THEN
        PERFORM gates_write_closed(request->'gates', a_now);
    END IF;
    IF request->'gates' @> '[{"state": "open"}]' THEN
        PERFORM gates_write_opened(request->'gates', a_now);
    END IF;
    IF request->'gates' @? '$[*].decision' THEN
        PERFORM approvals_write(request->'gates', a_now);
    END IF;
    IF request ? 'votes' THEN
        PERFORM approvals_write(request->'votes', a_now);
    END IF;
    IF request ? 'artifacts' THEN
        PERFORM artifacts_write(request->'artifacts', a_now);
    END IF;
    IF request ? 'effects' THEN
        due := effects_write(request->'effects', a_now) OR due;
    END IF;
    IF request ? 'notices' THEN
        due := notices_write(request->'notices', a_now) OR due;
    END IF;
    RETURN due;
END $$;

-- A request without all that concerns these runs.
CREATE OR REPLACE FUNCTION request_without(request jsonb, run_ids text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (SELECT jsonb_object_agg(key, value) FROM (
        SELECT key, CASE jsonb_typeof(value) WHEN 'array' THEN (
                   SELECT jsonb_agg(row ORDER BY place) FROM jsonb_array_elements(value) WITH ORDINALITY AS listed (row, place)
                    WHERE row->>'run_id' IS NULL OR row->>'run_id' <> ALL (run_ids)) ELSE value END AS value
          FROM jsonb_each(request)) AS part WHERE value IS NOT NULL);
END $$;

-- Whether the caller should kick a dispatcher. One kick at a time: who comes while a kick is on its way, or while
-- somebody else is taking it, needs none, since a dispatcher looks once more before it stops.
CREATE OR REPLACE FUNCTION kick_take(a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE leases SET held_until = a_now + interval '100 milliseconds'
     WHERE name = (SELECT name FROM leases WHERE name = 'kick' AND held_until <= a_now FOR UPDATE SKIP LOCKED);
    RETURN FOUND;
END $$;

-- What effects met at their providers: how long each took, and the breakers that opened or closed for it.
CREATE OR REPLACE FUNCTION contacts_observe(observed jsonb, breakers jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'provider_request_seconds', format('provider="%s",kind="%s"', row->>'provider', row->>'kind'),
           (row->>'seconds')::double precision
      FROM jsonb_array_elements(observed) AS row WHERE row ? 'seconds' AND row->>'contact' <> 'none'
    UNION ALL
    SELECT 'circuit_state_changes_total', format('component="%s",state="%s"', row->>'provider', row->>'breaker'), 1
      FROM jsonb_array_elements(breakers) AS row;
    IF observed @> '[{"used": {}}]' THEN
        PERFORM personas_observe(observed);
    END IF;
END $$;

-- Entry point: {"now", "decisions"?: [{"run_id", "expected_version", "run", "result", "payload"?, "idempotency"?}], "events"?,
-- "jobs"?, "gates"?, "votes"?, "artifacts"?, "effects"?, "rearmed"?, "notices"?, "settles"?, "observed"?: [{"run_id", ...}],
-- "chat"?, "seen"?} → {"refused": {run_id: {"result", ...}}, "fenced": [effect_id], "kick", "breakers", "seen"}. A run has one
-- decision, and all rows that follow from it; a list that would be empty is left out. An effect that concerns no run's decision is settled by
-- itself. What is refused leaves no trace, but what was observed at a provider is true whoever holds the effect by now; after a
-- conflict it is told again. A turn of chat, and the request that is served, are recorded when everything was committed as it wished.
--
-- It knows its rows by their keys, so its plans need no statistics: made once for a connection's life, never a scan or a hash of a
-- table that happened to be small then. (Such plans look expensive enough to be compiled.)
CREATE OR REPLACE FUNCTION runs_commit(request jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    refused jsonb := '{}';
    fenced jsonb;
    run_ids text[];
    ended_before text[];
    written record;
    decision jsonb;
    answer jsonb;
    observed jsonb;
    breakers jsonb := '[]';
    due boolean := false;
    whole boolean;
BEGIN
    -- Tells runs_guard that this is the real thing; ends with the statement's transaction.
    PERFORM set_config('mw.commit', 'on', true);
    IF request ? 'decisions' THEN
        WITH wanted AS MATERIALIZED (
            SELECT * FROM jsonb_to_recordset(request->'decisions') AS row (run_id text, expected_version bigint)
             WHERE expected_version > 0
        ), held AS MATERIALIZED (
            SELECT run_id, version, finished_at FROM runs
             WHERE run_id = ANY (ARRAY(SELECT run_id FROM wanted)) ORDER BY run_id FOR UPDATE
        )
        SELECT array_agg(run_id) FILTER (WHERE version IS DISTINCT FROM expected_version),
               array_agg(run_id) FILTER (WHERE finished_at IS NOT NULL)
          INTO run_ids, ended_before FROM wanted LEFT JOIN held USING (run_id);
        IF run_ids IS NOT NULL THEN
            SELECT jsonb_object_agg(run_id, jsonb_build_object('result', 'conflict', 'run', state)) INTO refused
              FROM unnest(run_ids) AS run_id LEFT JOIN runs USING (run_id);
            request := request_without(request, run_ids);
        END IF;
        IF request->'decisions' @> '[{"expected_version": 0}]' THEN
            FOR decision IN SELECT value FROM jsonb_array_elements(request->'decisions')
                             WHERE (value->>'expected_version')::bigint = 0
                             ORDER BY value->'run'->'definition'->>'key',
                                      coalesce(value->'run'->'inheritance'->>'parent_run_id', value->>'run_id') LOOP
                answer := run_start(decision, a_now);
                IF answer IS NOT NULL THEN
                    refused := refused || jsonb_build_object(decision->>'run_id', answer);
                    request := request_without(request, ARRAY[decision->>'run_id']);
                END IF;
            END LOOP;
        END IF;
    END IF;
    observed := request->'observed';
    IF request ? 'settles' THEN
        fenced := effects_settle(request->'settles', a_now);
        run_ids := ARRAY(SELECT DISTINCT run_id FROM jsonb_to_recordset(fenced) AS row (run_id text) WHERE run_id IS NOT NULL);
        IF run_ids <> '{}' THEN
            refused := refused || (SELECT jsonb_object_agg(run_id, jsonb_build_object('result', 'fenced', 'run', state))
                                     FROM unnest(run_ids) AS run_id LEFT JOIN runs USING (run_id));
            request := request_without(request, run_ids);
            -- The other effects of these runs are told again, and what they met with them.
            observed := (SELECT jsonb_agg(row ORDER BY place) FROM jsonb_array_elements(observed) WITH ORDINALITY AS listed (row, place)
                          WHERE row->>'run_id' IS NULL OR row->>'run_id' <> ALL (run_ids)
                             OR fenced @> jsonb_build_array(jsonb_build_object('effect_id', row->'effect_id')));
        END IF;
    END IF;
    IF request ? 'decisions' THEN
        written := runs_write(request->'decisions', a_now);
        due := runs_write_rows(request, a_now);
        IF written.paused IS NOT NULL THEN
            PERFORM runs_hold(written.paused, a_now);
        END IF;
        IF request->'events' @> '[{"type": "run.resumed"}]' THEN
            due := runs_release(ARRAY(SELECT run_id FROM jsonb_to_recordset(request->'events') AS event (run_id text, type text)
                                       WHERE type = 'run.resumed'), a_now) OR due;
        END IF;
        -- What is attached to a run that has ended does not end it once more.
        IF ended_before IS NOT NULL THEN
            written.ended := (SELECT jsonb_agg(run) FROM jsonb_array_elements(written.ended) AS run
                               WHERE run->>'run_id' <> ALL (ended_before));
        END IF;
        IF written.ended IS NOT NULL THEN
            due := runs_end(written.ended, a_now) OR due;
        END IF;
    END IF;
    whole := refused = '{}' AND fenced IS NULL;
    IF whole AND request ? 'chat' THEN
        PERFORM chat_append(request->'chat', a_now);
    END IF;
    -- Last, since the providers' rows come after all others in the lock order.
    IF observed IS NOT NULL THEN
        breakers := providers_observe(observed, a_now);
        PERFORM contacts_observe(observed, breakers);
    END IF;
    IF whole AND request ? 'seen' THEN
        PERFORM request_seen(request->'seen', request->'decisions'->0->>'run_id');
    END IF;
    RETURN jsonb_build_object('refused', refused, 'fenced', coalesce(jsonb_path_query_array(fenced, '$[*].effect_id'), '[]'),
                              'kick', due AND kick_take(a_now), 'breakers', breakers, 'seen', whole AND request ? 'seen');
END $$;

-- A hand-written UPDATE of a run. The runbook's `status = 'failed'` becomes the real transition; every other status
-- set by hand is refused with the verb that does it. run_force_end comes this way too, with its own actor and words.
CREATE OR REPLACE FUNCTION runs_guard() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := clock_timestamp();
    at_text text := to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    actor text := coalesce(nullif(current_setting('mw.actor', true), ''), 'sql:' || session_user);
    message text := coalesce(nullif(current_setting('mw.message', true), ''), 'marked failed by ' || session_user);
    error_type text := CASE WHEN actor LIKE 'sql:%' THEN 'marked_failed' ELSE 'terminated' END;
BEGIN
    IF coalesce(current_setting('mw.commit', true), '') = 'on' OR NEW.status = OLD.status THEN
        RETURN NEW;
    END IF;
    IF OLD.finished_at IS NOT NULL THEN
        RAISE EXCEPTION 'run % is already %', OLD.run_id, OLD.status USING HINT = 'terminal states are final';
    END IF;
    IF NEW.status <> 'failed' THEN
        RAISE EXCEPTION 'the status of run % is not set by hand', OLD.run_id
            USING HINT = 'use: mw gates approve|reject, mw runs cancel; only status = ''failed'' works in SQL';
    END IF;
    NEW.version := OLD.version + 1;
    NEW.state := (OLD.state - 'gate' - 'pause') || jsonb_build_object('status', 'failed', 'version', NEW.version,
        'deadline', NULL, 'finished_at', at_text,
        'error', jsonb_build_object('error_type', error_type, 'error_message', message));
    NEW.result := coalesce(OLD.result, '{}') || jsonb_build_object('error', jsonb_build_object(
        'error_type', error_type, 'error_message', message, 'project', OLD.project));
    NEW.awaiting_gate := NULL;
    NEW.deadline := NULL;
    NEW.finished_at := at;
    NEW.updated_at := at;
    PERFORM events_append(jsonb_build_array(jsonb_build_object('run_id', OLD.run_id, 'seq', NEW.version,
        'type', 'run.failed', 'at', at_text, 'actor', actor, 'body', json_build_object('seq', NEW.version, 'at', at_text, 'actor', actor,
        'type', 'run.failed', 'data', json_build_object('error_type', error_type, 'error_message', message))::text)));
    INSERT INTO artifacts (run_id, type, provider, metadata, created_at)
    VALUES (OLD.run_id, 'run.failed', 'orchestrator', jsonb_build_object('error_type', error_type,
            'error_message', message, 'project', OLD.project), at);
    PERFORM runs_end(jsonb_build_array(run_ended(NEW.state)), at);
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER runs_guard BEFORE UPDATE OF status ON runs
    FOR EACH ROW EXECUTE FUNCTION runs_guard();

-- {"run_id", "actor", "message"} → {"result": "ended" | "terminal" | "missing"}: ends a run whose state this version of
-- the code cannot read, so that no run is beyond reach.
CREATE OR REPLACE FUNCTION run_force_end(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    ended boolean;
BEGIN
    SELECT finished_at IS NOT NULL INTO ended FROM runs WHERE run_id = request->>'run_id' FOR UPDATE;
    IF ended IS NOT FALSE THEN
        RETURN jsonb_build_object('result', CASE WHEN ended THEN 'terminal' ELSE 'missing' END);
    END IF;
    PERFORM set_config('mw.actor', request->>'actor', true), set_config('mw.message', request->>'message', true);
    UPDATE runs SET status = 'failed' WHERE run_id = request->>'run_id';
    RETURN jsonb_build_object('result', 'ended');
END $$;

-- The timeline is append-only: rows are only deleted together with their run.
CREATE OR REPLACE FUNCTION run_events_guard() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT FROM runs WHERE run_id = OLD.run_id) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the timeline of run % is append-only', OLD.run_id;
END $$;

CREATE OR REPLACE TRIGGER run_events_guard BEFORE UPDATE OR DELETE ON run_events
    FOR EACH ROW EXECUTE FUNCTION run_events_guard();
