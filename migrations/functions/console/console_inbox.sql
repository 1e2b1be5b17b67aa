-- {"after"?: {"at", "run_id"}, "limit"} → {"shell", "runs": [{"run_id", "at", "run"}], "more"}: who waits, by deadline.
CREATE OR REPLACE FUNCTION console_inbox(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('shell', console_shell(request),
        'runs', coalesce(jsonb_agg(jsonb_build_object('run_id', run_id, 'at', deadline, 'run', state)
            ORDER BY deadline, run_id) FILTER (WHERE place <= (request->>'limit')::integer), '[]'),
        'more', count(*) > (request->>'limit')::integer)
      FROM (SELECT run_id, deadline, state, row_number() OVER (ORDER BY deadline, run_id) AS place FROM runs
             WHERE status IN ('pending_workflow', 'awaiting_ideate', 'awaiting_prepublish')
               AND (deadline, run_id) > (coalesce((request->'after'->>'at')::timestamptz, '-infinity'),
                                         coalesce(request->'after'->>'run_id', ''))
             ORDER BY deadline, run_id LIMIT (request->>'limit')::integer + 1) AS page);
END $$;
