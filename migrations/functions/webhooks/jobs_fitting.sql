-- The jobs that a delivery may be about when it does not name one by our own id, two at most: by the provider's task
-- id; else, for upload-post, the open posts of the profile.
CREATE OR REPLACE FUNCTION jobs_fitting(a_provider text, a_match jsonb) RETURNS SETOF provider_jobs
LANGUAGE plpgsql STABLE AS $$
BEGIN
    -- A successor follows a task of its ended parent: the job that is still at work counts.
    RETURN QUERY SELECT * FROM provider_jobs WHERE task_id = a_match->>'task_id'
        AND provider IN ('kieai', 'shotstack', 'upload-post')
        AND (provider = a_provider OR a_provider LIKE 'std:%') AND state <> 'fenced' LIMIT 2;
    IF NOT FOUND THEN
        RETURN QUERY SELECT * FROM provider_jobs WHERE task_id = a_match->>'task_id'
            AND provider IN ('kieai', 'shotstack', 'upload-post')
            AND (provider = a_provider OR a_provider LIKE 'std:%') LIMIT 2;
    END IF;
    IF NOT FOUND THEN
        RETURN QUERY SELECT * FROM provider_jobs WHERE account = a_match->>'account' AND provider = a_provider
            AND is_open LIMIT 2;
    END IF;
END $$;
