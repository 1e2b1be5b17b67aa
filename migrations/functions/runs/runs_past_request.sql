-- {"now", "after": {"at", "run_id"}?, "limit"} → {"runs": [{"run_id", "at", "end_requested_by", "run"}]}: runs whose end somebody
-- asked for in SQL.
CREATE OR REPLACE FUNCTION runs_past_request(request jsonb) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT json_build_object('runs', coalesce(json_agg(json_build_object('run_id', run_id, 'at', end_requested_at,
                   'end_requested_by', end_requested_by, 'run', state) ORDER BY end_requested_at, run_id), '[]'))
      FROM (SELECT state, end_requested_at, end_requested_by, run_id FROM runs
             WHERE finished_at IS NULL AND end_requested_at IS NOT NULL
               AND (end_requested_at, run_id) > (coalesce((request->'after'->>'at')::timestamptz, '-infinity'),
                                                 coalesce(request->'after'->>'run_id', ''))
             ORDER BY end_requested_at, run_id LIMIT (request->>'limit')::integer) AS page);
END $$;
