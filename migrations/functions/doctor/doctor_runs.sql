-- Runs: every open one has a deadline that the sweep keeps, and something that will happen next.
CREATE OR REPLACE FUNCTION doctor_runs(page text[], overdue timestamptz)
    RETURNS TABLE (invariant text, run_id text, detail text)
LANGUAGE sql STABLE AS $$
    SELECT 'run_without_deadline', r.run_id, format('%s, deadline %s, ended %s', r.status,
           coalesce(r.deadline::text, 'none'), coalesce(r.finished_at::text, 'never'))
      FROM runs AS r WHERE r.run_id = ANY (page) AND ((r.finished_at IS NULL) <> (r.deadline IS NOT NULL)
           OR (r.ended IS NOT NULL) <> (r.finished_at IS NOT NULL))
    UNION ALL
    SELECT 'run_overdue', r.run_id, format('%s, deadline %s', r.status, r.deadline)
      FROM runs AS r WHERE r.run_id = ANY (page) AND r.finished_at IS NULL AND r.deadline < overdue
    UNION ALL
    -- Where a row is missing or dead altogether, effect_lost and effect_dead say so.
    SELECT 'run_stuck', r.run_id, format('%s, and neither a person, a provider nor an effect is waited for', r.status)
      FROM runs AS r WHERE r.run_id = ANY (page) AND r.finished_at IS NULL AND r.status <> 'paused'
       AND r.awaiting_gate IS NULL
       AND NOT EXISTS (SELECT FROM provider_jobs AS j WHERE j.run_id = r.run_id AND j.is_open)
       AND NOT EXISTS (SELECT FROM outbox AS o WHERE o.run_id = r.run_id AND o.kind NOT IN ('notify', 'trace', 'report')
                          AND o.is_live AND o.state IN ('due', 'leased'))
       AND NOT EXISTS (SELECT FROM doctor_expected(page) AS x WHERE x.run_id = r.run_id AND x.job_id IS NULL
                          AND x.step = r.state->'body'->>'step' AND (x.state IS NULL OR x.state NOT IN ('done', 'fenced')))
$$;
