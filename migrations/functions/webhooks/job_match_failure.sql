-- Why job_match finds none, in the words of webhook_dlq.error.
CREATE OR REPLACE FUNCTION job_match_failure(a_provider text, a_match jsonb) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN a_match = '{}' THEN 'no_reference'
        WHEN fitting = 0 THEN 'unknown_job'
        WHEN by_task THEN 'ambiguous_task'
        ELSE 'ambiguous_account' END
      FROM (SELECT count(*) AS fitting, bool_or(task_id = a_match->>'task_id') AS by_task
              FROM jobs_fitting(a_provider, a_match)) AS found
$$;
