-- How long jobs took that have just ended, from the request of the run to the provider's last word: in the provider's family.
CREATE OR REPLACE FUNCTION jobs_observe(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metric_observations (name, labels, value)
    SELECT job_seconds, format('outcome="%s"', provider_jobs.state), greatest(0, extract(epoch FROM a_now - provider_jobs.created_at))
      FROM jsonb_to_recordset(rows) AS row (job_id text, is_over boolean) JOIN provider_jobs USING (job_id)
           JOIN provider_states USING (provider)
     WHERE row.is_over AND job_seconds IS NOT NULL AND NOT provider_jobs.is_open;
END $$;
