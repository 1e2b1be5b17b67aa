-- {"limit", "gate"?, "project"?, "after"?: {"deadline", "run_id"}} → {"gates": [{"deadline", "run"}], "more"}. The runs' states, since what a
-- gate is about is worked out from them. A paused run's gate waits too, but nobody can decide there.
CREATE OR REPLACE FUNCTION gates_open(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    WITH page AS MATERIALIZED (
        SELECT gates.deadline, gates.run_id, runs.state, row_number() OVER (ORDER BY gates.deadline, gates.run_id) AS place
          FROM gates JOIN runs ON runs.run_id = gates.run_id AND runs.awaiting_gate = gates.gate
         WHERE gates.state = 'open'
           AND (request->>'gate' IS NULL OR gates.gate = request->>'gate')
           AND (request->>'project' IS NULL OR runs.project = request->>'project')
           AND (gates.deadline, gates.run_id) > (coalesce((request->'after'->>'deadline')::timestamptz, '-infinity'),
                                                 coalesce(request->'after'->>'run_id', ''))
         ORDER BY gates.deadline, gates.run_id LIMIT (request->>'limit')::integer + 1)
    SELECT jsonb_build_object('more', count(*) > (request->>'limit')::integer,
        'gates', coalesce(jsonb_agg(jsonb_build_object('deadline', deadline, 'run_id', run_id, 'run', state) ORDER BY place)
                          FILTER (WHERE place <= (request->>'limit')::integer), '[]'))
      FROM page
$$;
