-- The resumption of runs: held effects are due again; true when there are any.
CREATE OR REPLACE FUNCTION runs_release(run_ids text[], a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox SET state = 'due', due_at = greatest(due_at, a_now), updated_at = a_now
     WHERE effect_id IN (SELECT effect_id FROM outbox WHERE run_id = ANY (run_ids) AND state = 'held' ORDER BY effect_id FOR UPDATE);
    RETURN FOUND;
END $$;
