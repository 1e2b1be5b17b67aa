-- {"filter": {"limit", conditions…}} → {"shell", "projects", "runs", "more"}, newest first, by key.
CREATE OR REPLACE FUNCTION console_runs(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    page integer := (request->'filter'->>'limit')::integer;
    rows jsonb;
BEGIN
    EXECUTE 'SELECT coalesce(jsonb_agg(jsonb_build_object(''run_id'', run_id, ''project'', project, ''status'', status,
                ''title'', state->>''title'', ''user_id'', user_id, ''created_at'', created_at,
                ''deadline'', deadline) ORDER BY created_at DESC, run_id DESC), ''[]'')
               FROM (SELECT * FROM runs WHERE ' || run_conditions(request->'filter') || '
                      ORDER BY created_at DESC, run_id DESC LIMIT $2) AS page'
       INTO rows USING request->'filter', page + 1;
    RETURN jsonb_build_object('shell', console_shell(request), 'projects', console_projects(),
        'more', jsonb_array_length(rows) > page,
        'runs', CASE WHEN jsonb_array_length(rows) > page THEN rows - page ELSE rows END);
END $$;
