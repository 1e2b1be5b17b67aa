-- Takes a letter out of the queue and writes its end on its receipt. False when somebody else was faster.
CREATE OR REPLACE FUNCTION dead_letter_close(a_id uuid, an_outcome text, job jobs, who text, why text, a_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM webhook_dlq WHERE id = a_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE webhook_events SET outcome = an_outcome, run_id = job.run_id, job_id = job.job_id,
           settled_at = a_now, settled_by = who, settled_reason = why
     WHERE id = a_id;
    RETURN true;
END $$;
