-- {"limit", "gate"?, "project"?, "after"?: {"deadline", "run_id", "opening"}} → {"gates": [{"deadline", "run_id", "opening", "run"}], "more"}. The runs' states, since what a
-- gate is about is worked out from them. A paused run's gate waits too, but nobody can decide there.
CREATE OR REPLACE FUNCTION gates_open(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    WITH page AS MATERIALIZED (
        SELECT gates.deadline, gates.run_id, gates.opening, runs.state, row_number() OVER (ORDER BY gates.deadline, gates.run_id, gates.opening) AS place
          FROM gates JOIN runs ON runs.run_id = gates.run_id AND runs.awaiting_gate IS NOT NULL
         WHERE gates.decided_at IS NULL
           AND (request->>'gate' IS NULL OR gates.gate = request->>'gate')
           AND (request->>'project' IS NULL OR runs.project = request->>'project')
           AND (gates.deadline, gates.run_id, gates.opening) > (
                   coalesce((request->'after'->>'deadline')::timestamptz, '-infinity'), coalesce(request->'after'->>'run_id', ''),
                   coalesce((request->'after'->>'opening')::integer, 0))
         ORDER BY gates.deadline, gates.run_id, gates.opening LIMIT (request->>'limit')::integer + 1)
    SELECT jsonb_build_object('more', count(*) > (request->>'limit')::integer,
        'gates', coalesce(jsonb_agg(jsonb_build_object('deadline', deadline, 'run_id', run_id, 'opening', opening, 'run', state) ORDER BY place)
                          FILTER (WHERE place <= (request->>'limit')::integer), '[]'))
      FROM page
$$;
