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
