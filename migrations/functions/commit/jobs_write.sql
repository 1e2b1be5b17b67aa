-- Jobs, new or changed; the last row of a job is how it stands now.
CREATE OR REPLACE FUNCTION jobs_write(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO provider_jobs (job_id, run_id, kind, provider, state, task_id, account, created_at, updated_at)
    SELECT DISTINCT ON (row.job_id) row.job_id, row.run_id, row.kind, row.provider, row.state, row.task_id, row.account, a_now, a_now
      FROM ROWS FROM (jsonb_to_recordset(rows) AS (job_id text, run_id text, kind text, provider text, state text, task_id text,
                                                   account text)) WITH ORDINALITY
           AS row (job_id, run_id, kind, provider, state, task_id, account, place)
     ORDER BY row.job_id, place DESC
    ON CONFLICT (job_id) DO UPDATE
       SET state = excluded.state, task_id = coalesce(excluded.task_id, provider_jobs.task_id), updated_at = a_now;
    IF rows @? '$[*].is_over' THEN
        PERFORM jobs_observe(rows, a_now);
    END IF;
END $$;
