-- Gives a job its effect back, unless somebody moves the run just now: 1 or 0.
CREATE OR REPLACE FUNCTION effect_restore(job jobs, a_now timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    needed text := CASE job.state WHEN 'requested' THEN 'submit' ELSE 'poll' END;
BEGIN
    PERFORM FROM runs WHERE run_id = job.run_id AND finished_at IS NULL FOR UPDATE SKIP LOCKED;
    IF NOT FOUND OR NOT EXISTS (SELECT FROM jobs WHERE job_id = job.job_id AND state = job.state)
        OR EXISTS (SELECT FROM outbox WHERE job_id = job.job_id AND state IN ('due', 'leased', 'held', 'dead')) THEN
        RETURN 0;
    END IF;
    INSERT INTO outbox AS lost (key, run_id, kind, provider, job_id, payload, state, due_at, sent_at, last_error,
                                created_at, updated_at)
    SELECT needed || ':' || job.job_id, job.run_id, needed,
           CASE state->>'mode' WHEN 'mock' THEN 'mock' ELSE job.provider END, job.job_id, '{}', 'due', a_now,
           CASE WHEN needed = 'submit' THEN a_now END, 'the effect was lost', a_now, a_now
      FROM runs WHERE run_id = job.run_id
    ON CONFLICT (key) DO UPDATE SET state = 'due', due_at = a_now, attempt = 0, fence = lost.fence + 1,
           sent_at = excluded.sent_at, last_error = excluded.last_error, updated_at = a_now;
    RETURN 1;
END $$;
