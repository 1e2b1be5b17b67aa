-- The one job that a delivery is about; where two fit, none is guessed. A source of Standard Webhooks may speak of any
-- provider's job.
CREATE OR REPLACE FUNCTION job_match(a_provider text, a_match jsonb) RETURNS jobs
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found jobs;
    fitting jobs[];
BEGIN
    -- This is on the path of every delivery: one look by the primary key is all that most need.
    SELECT * INTO found FROM jobs
     WHERE job_id = a_match->>'job_id' AND (provider = a_provider OR a_provider LIKE 'std:%');
    IF found.job_id IS NULL THEN
        SELECT * INTO found FROM jobs
         WHERE job_id = a_match->>'task_id' AND (provider = a_provider OR a_provider LIKE 'std:%');
    END IF;
    IF found.job_id IS NULL THEN
        fitting := ARRAY(SELECT job FROM jobs_fitting(a_provider, a_match) AS job);
        found := CASE WHEN cardinality(fitting) = 1 THEN fitting[1] END;
    END IF;
    RETURN found;
END $$;
