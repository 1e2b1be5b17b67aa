-- run_commit: the only statement that changes runs. Takes decisions made by the pure core, each guarded by its run's
-- version and, where an effect caused it, by the effect's fencing token; commits each or says why not. Lock order in
-- here and everywhere: runs, then outbox, then jobs.

-- Settles the effect that a decision answers: `done`, `again` (due later), `dead` or `hold` (its run is paused). False
-- when the fencing token is an old one.
CREATE OR REPLACE FUNCTION effect_settle(settle jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    settled boolean;
BEGIN
    UPDATE outbox SET
        state = CASE settle->>'outcome' WHEN 'done' THEN 'done' WHEN 'dead' THEN 'dead' WHEN 'hold' THEN 'held'
                     ELSE 'due' END,
        lease_until = NULL,
        attempt = CASE WHEN (settle->>'uncounted')::boolean OR settle->>'outcome' = 'hold' THEN attempt - 1 ELSE attempt END,
        due_at = CASE WHEN poked AND settle->>'outcome' = 'again' THEN a_now
                      ELSE coalesce((settle->>'due_at')::timestamptz, due_at) END,
        sent_at = CASE WHEN (settle->>'not_sent')::boolean THEN NULL ELSE sent_at END,
        poked = false,
        last_error = coalesce(settle->>'error', last_error),
        updated_at = a_now
     WHERE effect_id = (settle->>'effect_id')::bigint AND fence = (settle->>'fence')::bigint AND state = 'leased';
    settled := FOUND;
    IF settled AND settle->>'outcome' = 'dead' THEN
        PERFORM export_death((settle->>'effect_id')::bigint, a_now);
    END IF;
    RETURN settled;
END $$;

-- Writes the run itself: a new one, or the next version of one whose row is locked. False when it is a successor that is
-- there already. A paused run waits at its gate, but nobody can decide there: `awaiting_gate` is for those who can.
CREATE OR REPLACE FUNCTION run_write(decision jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    run jsonb := decision->'run';
    awaiting text := CASE WHEN run->>'status' <> 'paused' THEN run->'gate'->>'gate' END;
BEGIN
    IF (decision->>'expected_version')::bigint = 0 THEN
        INSERT INTO runs (run_id, project, status, payload, result, created_at, updated_at, user_id, version, state,
                          awaiting_gate, deadline, finished_at, parent_run_id, successor_key)
        VALUES (run->>'run_id', run->'definition'->>'key', run->>'status', decision->'payload', decision->'result',
                a_now, a_now, run->>'user_id', (run->>'version')::bigint, run, awaiting,
                (run->>'deadline')::timestamptz, (run->>'finished_at')::timestamptz,
                run->'inheritance'->>'parent_run_id', run->'inheritance'->>'key')
        ON CONFLICT (parent_run_id, successor_key) WHERE parent_run_id IS NOT NULL DO NOTHING;
        RETURN FOUND;
    ELSE
        UPDATE runs SET status = run->>'status', result = decision->'result', updated_at = a_now,
               version = (run->>'version')::bigint, state = run, awaiting_gate = awaiting,
               deadline = (run->>'deadline')::timestamptz, finished_at = (run->>'finished_at')::timestamptz
         WHERE run_id = run->>'run_id';
        RETURN true;
    END IF;
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

-- One decision: {"run", "expected_version", "payload", "result", "events", "rows", "settle"?, "idempotency"?,
-- "chat"?, "observed"?}. Without "run" it only settles an effect.
CREATE OR REPLACE FUNCTION run_commit_one(decision jsonb, a_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_run_id text := decision->'run'->>'run_id';
    earlier record;
    ended boolean := false;
    due boolean := false;
    refused jsonb := drain_refusal(decision);
BEGIN
    IF refused IS NOT NULL THEN
        RETURN refused;
    END IF;
    IF decision ? 'idempotency' THEN
        INSERT INTO idempotency_keys (caller, key, fingerprint, run_id, created_at)
        VALUES (decision->'idempotency'->>'caller', decision->'idempotency'->>'key',
                decision->'idempotency'->>'fingerprint', a_run_id, a_now)
        ON CONFLICT (caller, key) DO NOTHING;
        IF NOT FOUND THEN
            SELECT run_id, fingerprint INTO earlier FROM idempotency_keys
             WHERE caller = decision->'idempotency'->>'caller' AND key = decision->'idempotency'->>'key';
            RETURN jsonb_build_object('result', CASE
                WHEN earlier.fingerprint = decision->'idempotency'->>'fingerprint' THEN 'replay' ELSE 'mismatch' END,
                'run_id', earlier.run_id);
        END IF;
    END IF;
    IF decision ? 'run' AND (decision->>'expected_version')::bigint > 0 THEN
        SELECT finished_at IS NOT NULL INTO ended FROM runs
         WHERE run_id = a_run_id AND version = (decision->>'expected_version')::bigint FOR UPDATE;
        IF NOT FOUND THEN
            RETURN jsonb_build_object('result', 'conflict', 'run', (SELECT state FROM runs WHERE run_id = a_run_id));
        END IF;
    END IF;
    IF decision ? 'settle' AND NOT effect_settle(decision->'settle', a_now) THEN
        RETURN jsonb_build_object('result', 'fenced', 'run', (SELECT state FROM runs WHERE run_id = a_run_id));
    END IF;
    IF decision ? 'run' THEN
        IF (decision->>'expected_version')::bigint = 0 THEN
            -- Before the parent's successor, which another batch may be opening: budgets come first in the lock order of starts.
            PERFORM FROM project_budgets WHERE project = decision->'run'->'definition'->>'key' FOR UPDATE;
        END IF;
        IF NOT run_write(decision, a_now) THEN
            RETURN jsonb_build_object('result', 'replay', 'run_id', (
                SELECT run_id FROM runs WHERE parent_run_id = decision->'run'->'inheritance'->>'parent_run_id'
                   AND successor_key = decision->'run'->'inheritance'->>'key'));
        END IF;
        IF (decision->>'expected_version')::bigint = 0 THEN
            refused := budget_take(decision->'run', a_now);
            IF refused IS NOT NULL THEN
                -- Nothing stays of a refused start, and whoever is refused may come again with the same key.
                DELETE FROM runs WHERE run_id = a_run_id;
                DELETE FROM idempotency_keys WHERE caller = decision->'idempotency'->>'caller'
                   AND key = decision->'idempotency'->>'key';
                RETURN refused;
            END IF;
            INSERT INTO metric_observations (name, labels, value)
            VALUES ('runs_started_total', format('project="%s"', decision->'run'->'definition'->>'key'), 1);
        END IF;
        PERFORM run_append(a_run_id, decision->'events');
        due := run_write_rows(a_run_id, decision->'rows', a_now);
        IF decision->'run'->>'status' = 'paused' THEN
            PERFORM run_hold(a_run_id, a_now);
        ELSIF decision->'events' @> '[{"type": "run.resumed"}]' THEN
            due := run_release(a_run_id, a_now) OR due;
        END IF;
        -- What is attached to a run that has ended does not end it once more.
        IF decision->'run'->>'finished_at' IS NOT NULL AND NOT ended THEN
            PERFORM run_fence(a_run_id, a_now);
            PERFORM run_observe_end(decision->'run', a_now);
            due := export_end(decision->'run', a_now) OR due;
        END IF;
    END IF;
    IF decision ? 'chat' THEN
        PERFORM chat_append(decision->'chat', a_now);
    END IF;
    RETURN jsonb_build_object('result', 'committed', 'due', due);
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

-- Entry point: {"now", "decisions": [...], "seen"?} → {"results": [...], "kick", "breakers", "seen"}, the results in the decisions' order.
-- The request that is served is counted here when everything was committed as it wished; else it does so by itself. Decisions
-- are taken in the order of their runs, starts after them in that of their projects and parents, so that two batches over
-- the same runs cannot deadlock. A run may have several,
-- each built on the one before: when one did not happen, neither do its successors, even where their version fits the
-- moved run by accident.
CREATE OR REPLACE FUNCTION run_commit(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(request->'decisions')]);
    answer jsonb;
    decision jsonb;
    place bigint;
    a_run_id text;
    broken_run_id text := '';
    due boolean := false;
    observed jsonb := '[]';
    breakers jsonb := '[]';
    seen boolean := request ? 'seen';
BEGIN
    -- Tells runs_guard that this is the real thing; ends with the statement's transaction.
    PERFORM set_config('mw.commit', 'on', true);
    FOR decision, place IN SELECT value, ordinality FROM jsonb_array_elements(request->'decisions') WITH ORDINALITY
                            ORDER BY (value->>'expected_version')::bigint IS NOT DISTINCT FROM 0,
                                     CASE WHEN (value->>'expected_version')::bigint = 0
                                          THEN value->'run'->'definition'->>'key' END,
                                     coalesce(value->'run'->'inheritance'->>'parent_run_id', value->'run'->>'run_id')
                                         NULLS LAST, ordinality LOOP
        a_run_id := decision->'run'->>'run_id';
        IF a_run_id = broken_run_id THEN
            answer := jsonb_build_object('result', 'conflict', 'run', (SELECT state FROM runs WHERE run_id = a_run_id));
        ELSE
            answer := run_commit_one(decision, a_now);
        END IF;
        IF answer->>'result' = 'committed' THEN
            due := due OR coalesce((answer->>'due')::boolean, false);
        ELSE
            broken_run_id := coalesce(a_run_id, broken_run_id);
            seen := false;
        END IF;
        -- What a provider answered is true whoever holds the effect by now; after a conflict it is told again.
        IF decision ? 'observed' AND answer->>'result' <> 'conflict' THEN
            observed := observed || (decision->'observed');
        END IF;
        answers[place] := answer;
    END LOOP;
    -- Last, since the providers' rows come after all others in the lock order.
    IF observed <> '[]' THEN
        breakers := providers_observe(observed, a_now);
        PERFORM contacts_observe(observed, breakers);
    END IF;
    IF seen THEN
        PERFORM request_seen(request->'seen', request->'decisions'->0->'run'->>'run_id');
    END IF;
    RETURN jsonb_build_object('results', to_jsonb(answers), 'kick', due AND kick_take(a_now), 'breakers', breakers,
                              'seen', seen);
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
    PERFORM run_append(OLD.run_id, jsonb_build_array(jsonb_build_object('seq', NEW.version, 'type', 'run.failed',
        'at', at_text, 'actor', actor, 'body', json_build_object('seq', NEW.version, 'at', at_text, 'actor', actor,
        'type', 'run.failed', 'data', json_build_object('error_type', error_type, 'error_message', message))::text)));
    INSERT INTO artifacts (run_id, type, provider, metadata, created_at)
    VALUES (OLD.run_id, 'run.failed', 'orchestrator', jsonb_build_object('error_type', error_type,
            'error_message', message, 'project', OLD.project), at);
    PERFORM run_fence(OLD.run_id, at);
    PERFORM run_observe_end(NEW.state, at);
    PERFORM export_end(NEW.state, at);
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

-- What the version before called.
DROP FUNCTION IF EXISTS run_rows(text, jsonb, timestamptz), run_close_gates(text, jsonb, timestamptz);
