-- {"now", "after": {"at", "run_id"}?, "limit"} → {"runs": [{"run_id", "at", "run"}]}: overdue runs by key.
CREATE OR REPLACE FUNCTION runs_past_deadline(request jsonb) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT json_build_object('runs', coalesce(json_agg(json_build_object('run_id', run_id, 'at', deadline, 'run', state)
                                                               ORDER BY deadline, run_id), '[]'))
      FROM (SELECT state, deadline, run_id FROM runs
             WHERE finished_at IS NULL AND deadline <= (request->>'now')::timestamptz
               AND (deadline, run_id) > (coalesce((request->'after'->>'at')::timestamptz, '-infinity'),
                                         coalesce(request->'after'->>'run_id', ''))
             ORDER BY deadline, run_id LIMIT (request->>'limit')::integer) AS page);
END $$;
