-- The resumption of runs, [{"run_id"}]: held effects are due again; true when there are any.
CREATE OR REPLACE FUNCTION runs_release(rows jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox SET state = 'due', due_at = greatest(due_at, a_now), updated_at = a_now
     WHERE effect_id IN (SELECT effect_id FROM jsonb_to_recordset(rows) AS row (run_id text) JOIN outbox USING (run_id)
                          WHERE state = 'held' ORDER BY effect_id FOR UPDATE OF outbox);
    RETURN FOUND;
END $$;
