-- {"user_id", "run_id"} → what there is to say about one of the user's own runs; null for another's.
CREATE OR REPLACE FUNCTION chat_run(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('run_id', run_id, 'project', project, 'title', state->>'title', 'status', status,
            'waits_at_gate', awaiting_gate, 'since', updated_at, 'ends_by_itself_at', deadline,
            'error', result->'error', 'latest_events', (
                SELECT coalesce(jsonb_agg(jsonb_build_object('type', type, 'at', at) ORDER BY seq), '[]')
                  FROM (SELECT seq, type, at FROM run_events
                         WHERE run_events.run_id = runs.run_id ORDER BY seq DESC LIMIT 8) AS newest))
          FROM runs WHERE run_id = request->>'run_id' AND user_id = request->>'user_id'), 'null')
$$;
