-- {"run_id", "step_events", "marks": [pattern of types], "before"?, "limit"} → {"shell", "run": null | {"row", "state", "facts",
-- "successors", "events", "more", "receipts", "marks"}}: a run with a page of its timeline, newest first, its newest receipts, and what
-- its newest events say of when it worked, waited and tried again, oldest first.
CREATE OR REPLACE FUNCTION console_run(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('shell', console_shell(request), 'run', (
        SELECT jsonb_build_object(
            'row', jsonb_build_object('run_id', run_id, 'project', project, 'status', status, 'title', state->>'title',
                'user_id', user_id, 'created_at', created_at, 'deadline', deadline,
                'finished_at', finished_at, 'parent_run_id', parent_run_id),
            'state', state, 'facts', run_facts(request)->'facts',
            'successors', (SELECT coalesce(jsonb_agg(run_id ORDER BY created_at, run_id), '[]')
                FROM (SELECT run_id, created_at FROM runs AS successor WHERE successor.parent_run_id = runs.run_id
                       ORDER BY created_at DESC LIMIT 20) AS newest),
            'marks', (SELECT coalesce(jsonb_agg(jsonb_build_object('type', type, 'at', at,
                    'begins_step', type = coalesce(request->'step_events'->>runs.kind, ''),
                    'name', coalesce(data->'data'->>'name', data->'data'->>'gate')) ORDER BY seq), '[]')
                FROM (SELECT seq, type, at, data FROM run_events WHERE run_events.run_id = runs.run_id
                       ORDER BY seq DESC LIMIT 500) AS newest
               WHERE type = request->'step_events'->>runs.kind
                  OR type LIKE ANY (ARRAY(SELECT jsonb_array_elements_text(request->'marks')))),
            'receipts', (SELECT coalesce(jsonb_agg(console_receipt(receipt) ORDER BY (receipt).received_at DESC), '[]')
                FROM (SELECT webhook_events AS receipt FROM webhook_events WHERE webhook_events.run_id = runs.run_id
                       ORDER BY received_at DESC LIMIT 20) AS newest))
            || (SELECT jsonb_build_object(
                    'events', coalesce(jsonb_agg(data ORDER BY seq DESC)
                                       FILTER (WHERE place <= (request->>'limit')::integer), '[]'),
                    'more', count(*) > (request->>'limit')::integer)
                  FROM (SELECT seq, data, row_number() OVER (ORDER BY seq DESC) AS place FROM run_events
                         WHERE run_events.run_id = runs.run_id
                           AND seq < coalesce((request->>'before')::bigint, 9223372036854775807)
                         ORDER BY seq DESC LIMIT (request->>'limit')::integer + 1) AS page)
          FROM runs WHERE run_id = request->>'run_id')));
END $$;
