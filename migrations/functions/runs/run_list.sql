-- {"limit", conditions…} → {"runs": [...], "more"}, newest first, by key.
CREATE OR REPLACE FUNCTION run_list(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    page integer := (request->>'limit')::integer;
    rows jsonb;
BEGIN
    EXECUTE 'SELECT coalesce(jsonb_agg(jsonb_build_object(''runId'', run_id, ''project'', project, ''status'', status,
                ''awaiting_gate'', awaiting_gate, ''userId'', user_id, ''createdAt'', created_at,
                ''updatedAt'', updated_at, ''deadline'', deadline) ORDER BY created_at DESC, run_id DESC), ''[]'')
               FROM (SELECT * FROM runs WHERE ' || run_conditions(request) || '
                      ORDER BY created_at DESC, run_id DESC LIMIT $2) AS page'
       INTO rows USING request, page + 1;
    RETURN jsonb_build_object('runs', CASE WHEN jsonb_array_length(rows) > page THEN rows - page ELSE rows END,
                              'more', jsonb_array_length(rows) > page);
END $$;
