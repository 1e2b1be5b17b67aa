-- {"now", "after": {"at", "run_id"}?, "limit"} → {"runs": [{"run_id", "at", "run"}]}: runs whose gate must be warned about.
CREATE OR REPLACE FUNCTION runs_past_warning(request jsonb) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT json_build_object('runs', coalesce(json_agg(json_build_object('run_id', run_id, 'at', warn_at,
               'run', (SELECT runs.state FROM runs WHERE runs.run_id = page.run_id)) ORDER BY warn_at, run_id), '[]'))
      FROM (SELECT run_id, warn_at FROM gates
             WHERE decided_at IS NULL AND warn_at IS NOT NULL AND warn_at <= (request->>'now')::timestamptz
               AND (warn_at, run_id) > (coalesce((request->'after'->>'at')::timestamptz, '-infinity'),
                                        coalesce(request->'after'->>'run_id', ''))
             ORDER BY warn_at, run_id LIMIT (request->>'limit')::integer) AS page);
END $$;
