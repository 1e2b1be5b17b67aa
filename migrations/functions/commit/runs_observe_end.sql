-- How long runs took, counted when they end: their steps, each from the event that names its start to the next one's or to the end;
-- and, in the family that is named where a run has done its work, the whole without the waits at gates.
CREATE OR REPLACE FUNCTION runs_observe_end(ended jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'runs_finished_total', format('project="%s",status="%s"', project, status), count(*)
      FROM jsonb_to_recordset(ended) AS run (project text, status text) GROUP BY project, status
    UNION ALL
    SELECT 'step_seconds', format('project="%s",step="%s"', project, step), greatest(0, extract(epoch FROM next_at - at))
      FROM (SELECT run.project, data->'data'->>'name' AS step, at, lead(at, 1, a_now) OVER (PARTITION BY run_id ORDER BY seq) AS next_at
              FROM jsonb_to_recordset(ended) AS run (run_id text, project text, step_event text) JOIN run_events USING (run_id)
             WHERE type = run.step_event) AS steps
    UNION ALL
    SELECT run.metric, format('project="%s"', run.project),
           greatest(0, extract(epoch FROM a_now - created_at - (
               SELECT coalesce(sum(coalesce(decided_at, a_now) - opened_at), interval '0') FROM gates
                WHERE gates.run_id = run.run_id)))
      FROM jsonb_to_recordset(ended) AS run (run_id text, project text, metric text) JOIN runs USING (run_id)
     WHERE run.metric IS NOT NULL;
END $$;
