-- Drain: no new run starts while everything in flight goes on.

-- The lock that starts share and the switch takes alone: once the switch has answered, no start that did not see it is
-- still on its way. No other lock is held while it is waited for. The number spells "mwdrain".
CREATE OR REPLACE FUNCTION drain_lock() RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT 30812045760883054 $$;

-- What run_commit answers to a decision that starts a run while the service drains; else null. Asked before anything is
-- written, so that no idempotency key is burnt; a key that is known already may still be answered with its run.
CREATE OR REPLACE FUNCTION drain_refusal(decision jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    IF (decision->>'expected_version')::bigint IS DISTINCT FROM 0 OR EXISTS (
        SELECT FROM idempotency_keys
         WHERE caller = decision->'idempotency'->>'caller' AND key = decision->'idempotency'->>'key') THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(drain_lock());
    RETURN (SELECT jsonb_build_object('result', 'draining', 'reason', reason) FROM drain WHERE active);
END $$;

-- {"now", "on", "actor", "reason"?} → {"changed"}. Switching to what is already so keeps since when it is so.
CREATE OR REPLACE FUNCTION drain_switch(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    wish boolean := (request->>'on')::boolean;
    before boolean;
BEGIN
    PERFORM pg_advisory_xact_lock(drain_lock());
    SELECT active INTO before FROM drain;
    UPDATE drain SET active = wish, actor = request->>'actor', reason = request->>'reason',
           since = CASE WHEN before = wish THEN since ELSE (request->>'now')::timestamptz END;
    RETURN jsonb_build_object('changed', before <> wish);
END $$;

-- {} → {"on", "reason", "actor", "since"}.
CREATE OR REPLACE FUNCTION drain_state(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('on', active, 'reason', reason, 'actor', actor, 'since', since) FROM drain
$$;

-- {} → the switch, and what is left: {"drain", "runs": {status: count}, "effects": {"due", "leased"},
-- "jobs": {state: count}, "dead_letters"}. Counts what is open, of which history has no part, nor what is only exported.
CREATE OR REPLACE FUNCTION drain_status(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'drain', drain_state(request),
        'runs', (SELECT coalesce(jsonb_object_agg(status, many), '{}')
                   FROM (SELECT status, count(*) AS many FROM runs WHERE finished_at IS NULL GROUP BY status) AS open),
        'effects', jsonb_build_object('due', (SELECT count(*) FROM outbox WHERE state = 'due' AND kind NOT IN ('trace', 'report')),
            'leased', (SELECT count(*) FROM outbox WHERE state = 'leased' AND kind NOT IN ('trace', 'report'))),
        'jobs', (SELECT coalesce(jsonb_object_agg(state, many), '{}')
                   FROM (SELECT jobs.state, count(*) AS many FROM jobs JOIN runs USING (run_id)
                          WHERE finished_at IS NULL AND jobs.state IN ('requested', 'submitted')
                          GROUP BY jobs.state) AS open),
        'dead_letters', (SELECT count(*) FROM webhook_dlq))
$$;
