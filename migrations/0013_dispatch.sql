-- The dispatcher's claim. Claiming a submission is what says "it may have gone out": sent_at is committed before the
-- request leaves, and stays until its outcome is known.

-- {"now", "limit", "lease_seconds"} → {"effects": [...], "runs": {run_id: state}}.
CREATE OR REPLACE FUNCTION effects_claim(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    claimed jsonb;
BEGIN
    -- From here on a new effect needs a new kick.
    UPDATE leases SET held_until = a_now WHERE name = 'kick' AND held_until > a_now;
    WITH picked AS (
        SELECT effect_id, sent_at AS sent_before FROM outbox
         WHERE state = 'due' AND due_at <= a_now
         ORDER BY due_at, effect_id LIMIT (request->>'limit')::integer FOR UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE outbox SET state = 'leased', attempt = attempt + 1, fence = fence + 1, poked = false,
               lease_until = a_now + make_interval(secs => (request->>'lease_seconds')::integer),
               sent_at = CASE WHEN kind = 'submit' THEN coalesce(sent_at, a_now) END, updated_at = a_now
          FROM picked WHERE outbox.effect_id = picked.effect_id
        RETURNING outbox.*, picked.sent_before
    )
    SELECT jsonb_agg(jsonb_build_object('effect_id', leased.effect_id, 'fence', fence, 'kind', leased.kind,
               'provider', leased.provider, 'run_id', leased.run_id, 'job_id', leased.job_id, 'payload', payload,
               'attempt', attempt, 'sent_before', sent_before, 'hint', jobs.hint) ORDER BY leased.due_at, leased.effect_id)
      INTO claimed FROM leased LEFT JOIN jobs USING (job_id);
    RETURN jsonb_build_object('effects', coalesce(claimed, '[]'), 'runs', (
        SELECT coalesce(jsonb_object_agg(run_id, state), '{}') FROM runs
         WHERE run_id IN (SELECT row->>'run_id' FROM jsonb_array_elements(claimed) AS row)));
END $$;
