-- Jobs: as the state says, each watched by an effect, none accepted twice.
CREATE OR REPLACE FUNCTION doctor_jobs(page text[]) RETURNS TABLE (invariant text, run_id text, detail text)
LANGUAGE sql STABLE AS $$
    WITH told AS (
        SELECT r.run_id, job.key AS job_id, job.value->'phase'->>'task_id' AS task_id,
               CASE WHEN r.finished_at IS NOT NULL AND job.value->'phase'->>'phase' IN ('requested', 'submitted') THEN 'fenced'
                    -- Asked for again as another job: this one has failed.
                    WHEN job.value->'phase'->>'phase' = 'replaced' THEN 'failed'
                    ELSE job.value->'phase'->>'phase' END AS state
          FROM runs AS r, jsonb_each(CASE jsonb_typeof(r.state->'body'->'jobs') WHEN 'object' THEN r.state->'body'->'jobs'
                                     ELSE '{}' END) AS job
         WHERE r.run_id = ANY (page)
    )
    SELECT 'job_differs', coalesce(told.run_id, j.run_id), format(
           'job %s is %s (task %s) in its row and %s (task %s) in the state', coalesce(told.job_id, j.job_id),
           coalesce(j.state, 'missing'), coalesce(j.task_id, 'none'), coalesce(told.state, 'missing'),
           coalesce(told.task_id, 'none'))
      FROM told FULL JOIN (SELECT * FROM provider_jobs WHERE provider_jobs.run_id = ANY (page)) AS j USING (job_id, run_id)
     WHERE told.state IS DISTINCT FROM j.state
        OR (told.state IN ('submitted', 'succeeded') AND told.task_id IS DISTINCT FROM j.task_id)
    UNION ALL
    SELECT 'job_orphaned', j.run_id, format('job %s is %s, its effect %s is %s', j.job_id, j.state, x.key, x.state)
      FROM provider_jobs AS j JOIN doctor_expected(page) AS x
        ON x.key = CASE j.state WHEN 'requested' THEN 'submit:' ELSE 'poll:' END || j.job_id
     WHERE j.run_id = ANY (page) AND j.is_open AND x.state IN ('done', 'fenced')
    UNION ALL
    SELECT 'job_submitted_twice', e.run_id, format('job %s: %s', e.data->'data'->>'job_id',
           string_agg(e.data->'data'->>'task_id', ', ' ORDER BY e.seq))
      FROM run_events AS e WHERE e.run_id = ANY (page) AND e.type = 'job.submitted'
     GROUP BY e.run_id, e.data->'data'->>'job_id' HAVING count(*) > 1
$$;
