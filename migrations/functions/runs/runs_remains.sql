-- {"run_ids"} → {"runs": {run_id: {"run_id", "kind", "project", "user_id", "version", "created_at", "has_ended", "state",
-- "result"}}}: what is known of runs whose state the caller cannot read; an unknown run is left out.
CREATE OR REPLACE FUNCTION runs_remains(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('runs', coalesce(jsonb_object_agg(run_id, jsonb_build_object('run_id', run_id,
               'kind', kind, 'project', project, 'user_id', user_id, 'version', version, 'created_at', created_at,
               'has_ended', finished_at IS NOT NULL, 'state', state, 'result', result)), '{}'))
              FROM runs WHERE run_id = ANY (ARRAY(SELECT jsonb_array_elements_text(request->'run_ids'))));
END $$;
