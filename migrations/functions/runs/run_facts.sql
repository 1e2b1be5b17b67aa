-- {"run_id", "step_events": {kind: what begins a step}} → {"run", "facts"}: the run with what is known of its work, for the explanation of what it waits for; or null.
CREATE OR REPLACE FUNCTION run_facts(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce((
        SELECT jsonb_build_object('run', state, 'facts', jsonb_build_object(
            'step_since', (SELECT at FROM run_events WHERE run_events.run_id = runs.run_id AND type = request->'step_events'->>runs.kind
                            ORDER BY seq DESC LIMIT 1),
            'effects', (
                SELECT coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'provider', provider, 'state', oldest.state,
                           'attempt', attempt, 'due_at', due_at, 'job_id', job_id, 'last_error', last_error,
                           'unanswered', sent_at IS NOT NULL AND oldest.state = 'due') ORDER BY effect_id), '[]')
                  FROM (SELECT * FROM outbox WHERE outbox.run_id = runs.run_id
                           AND outbox.is_live
                         ORDER BY effect_id LIMIT 50) AS oldest)))
          FROM runs WHERE run_id = request->>'run_id'), 'null'));
END $$;
