-- Makes the effect of a job due now, and keeps what the callback said as a hint. Wakes a submission only when it is
-- waiting to learn its own fate.
CREATE OR REPLACE FUNCTION job_poke(a_job_id text, a_hint jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    awake boolean;
BEGIN
    UPDATE outbox SET due_at = CASE WHEN state = 'due' THEN least(due_at, a_now) ELSE due_at END,
           poked = (state = 'leased'), updated_at = a_now
     WHERE job_id = a_job_id AND state IN ('due', 'leased') AND (kind = 'poll' OR sent_at IS NOT NULL);
    awake := FOUND;
    UPDATE provider_jobs SET hint = coalesce(hint, '{}') || a_hint, updated_at = a_now
     WHERE job_id = a_job_id AND is_open AND NOT coalesce(hint, '{}') @> a_hint;
    IF NOT awake THEN
        -- The job's commit may have ended just now: its poll is new. Not waited for, since we hold the job.
        UPDATE outbox SET due_at = least(due_at, a_now), updated_at = a_now
         WHERE effect_id = (SELECT effect_id FROM outbox WHERE job_id = a_job_id AND state = 'due' AND kind = 'poll'
                            FOR UPDATE SKIP LOCKED);
        awake := FOUND;
    END IF;
    RETURN awake;
END $$;
