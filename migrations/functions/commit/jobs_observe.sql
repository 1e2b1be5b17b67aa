-- How long jobs took that have just ended, from the request of the run to the provider's last word.
CREATE OR REPLACE FUNCTION jobs_observe(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metric_observations (name, labels, value)
    SELECT CASE jobs.kind WHEN 'generate' THEN 'kieai_job_seconds' WHEN 'render' THEN 'shotstack_render_seconds'
                WHEN 'publish' THEN 'upload_post_seconds' END,
           format('outcome="%s"', jobs.state), greatest(0, extract(epoch FROM a_now - jobs.created_at))
      FROM jobs WHERE job_id IN (SELECT row.job_id FROM jsonb_to_recordset(rows) AS row (job_id text, state text)
                                  WHERE row.state IN ('succeeded', 'failed'))
       AND jobs.state IN ('succeeded', 'failed');
END $$;
