-- The jobs that a delivery may be about when it does not name one by our own id, two at most: by the provider's task
-- id; else the open jobs of the account.
CREATE OR REPLACE FUNCTION jobs_fitting(a_provider text, a_match jsonb) RETURNS SETOF provider_jobs
LANGUAGE plpgsql STABLE AS $$
DECLARE
    -- A source of Standard Webhooks may tell of any provider's job.
    makers text[] := CASE WHEN a_provider LIKE 'std:%'
                          THEN ARRAY(SELECT provider FROM provider_states WHERE job_seconds IS NOT NULL)
                          ELSE ARRAY[a_provider] END;
BEGIN
    -- A successor follows a task of its ended parent: the job that is still at work counts.
    RETURN QUERY SELECT * FROM provider_jobs WHERE task_id = a_match->>'task_id' AND provider = ANY (makers)
        AND state <> 'fenced' LIMIT 2;
    IF NOT FOUND THEN
        RETURN QUERY SELECT * FROM provider_jobs WHERE task_id = a_match->>'task_id' AND provider = ANY (makers) LIMIT 2;
    END IF;
    IF NOT FOUND THEN
        RETURN QUERY SELECT * FROM provider_jobs WHERE account = a_match->>'account' AND provider = a_provider
            AND is_open LIMIT 2;
    END IF;
END $$;
