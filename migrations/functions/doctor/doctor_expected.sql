-- The effects that the timelines of open runs ask for, with the state of each; NULL when there is no row.
CREATE OR REPLACE FUNCTION doctor_expected(page text[])
    RETURNS TABLE (run_id text, job_id text, step text, key text, state text, last_error text)
LANGUAGE sql STABLE AS $$
    SELECT asked.run_id, asked.job_id, asked.step, asked.key, o.state, o.last_error
      FROM (SELECT e.run_id, e.data->'data'->>'job_id' AS job_id, e.data->'data'->>'step' AS step, CASE e.type
                       WHEN 'job.requested' THEN 'submit:' || (e.data->'data'->>'job_id')
                       WHEN 'persona.requested' THEN format('persona:%s:%s', e.run_id, e.data->'data'->>'step')
                       ELSE 'poll:' || (e.data->'data'->>'job_id') END AS key
              FROM run_events AS e JOIN runs AS r USING (run_id)
             WHERE e.run_id = ANY (page) AND r.finished_at IS NULL
               AND e.type IN ('job.requested', 'job.submitted', 'job.adopted', 'persona.requested')) AS asked
      LEFT JOIN outbox AS o USING (key)
$$;
