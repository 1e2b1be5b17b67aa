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
    INSERT INTO runs (run_id, kind, project, status, ended, payload, result, created_at, updated_at, user_id, version, state,
                      awaiting_gate, deadline, finished_at, parent_run_id, successor_key)
    VALUES (run->>'run_id', run->>'kind', run->'definition'->>'key', run->>'status', run->>'end', decision->'payload', decision->'result',
            a_now, a_now, run->>'user_id', (run->>'version')::bigint, run, run->'gates'->0->>'gate',
            (run->>'deadline')::timestamptz, (run->>'finished_at')::timestamptz,
            run->'parent'->>'run_id', run->'parent'->>'key')
    ON CONFLICT (parent_run_id, successor_key) WHERE parent_run_id IS NOT NULL DO NOTHING;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('result', 'replay', 'run_id', (
            SELECT run_id FROM runs WHERE parent_run_id = run->'parent'->>'run_id'
               AND successor_key = run->'parent'->>'key'));
    END IF;
    refused := budget_take(run->'definition'->>'key', decision->'budget', a_now);
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
