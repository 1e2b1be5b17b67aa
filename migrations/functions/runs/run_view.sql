-- {"run_id"} → the run as the API shows it, with its newest 1,000 artifacts oldest first; or null.
CREATE OR REPLACE FUNCTION run_view(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce((
        SELECT jsonb_build_object('runId', run_id, 'project', project, 'status', status, 'awaiting_gate', awaiting_gate,
            'result', result, 'userId', user_id, 'version', version, 'createdAt', created_at, 'updatedAt', updated_at,
            'deadline', deadline, 'finishedAt', finished_at, 'providersMode', state->>'mode',
            'definitionVersion', state->'definition'->>'version', 'parentRunId', parent_run_id, 'successors', (
                SELECT coalesce(jsonb_agg(run_id ORDER BY created_at, run_id), '[]')
                  FROM (SELECT run_id, created_at FROM runs AS successor WHERE successor.parent_run_id = runs.run_id
                         ORDER BY created_at DESC LIMIT 100) AS newest), 'artifacts', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'type', type, 'url', url, 'provider', provider,
                       'checksum', checksum, 'metadata', metadata, 'createdAt', created_at, 'persona', persona)
                       ORDER BY position), '[]')
              FROM (SELECT * FROM artifacts WHERE artifacts.run_id = runs.run_id
                     ORDER BY position DESC LIMIT 1000) AS newest))
          FROM runs WHERE run_id = request->>'run_id'), 'null'));
END $$;
