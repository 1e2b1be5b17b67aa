-- A paused run sends nothing new: its submissions and personas are held; polls go on, since they only look. One that is
-- on its way is not called back: when it comes back for another try, the dispatcher sees the pause and holds it.
CREATE OR REPLACE FUNCTION runs_hold(run_ids text[], a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox SET state = 'held', updated_at = a_now
     WHERE effect_id IN (SELECT effect_id FROM outbox WHERE run_id = ANY (run_ids) AND state = 'due'
                            AND kind IN ('submit', 'persona') ORDER BY effect_id FOR UPDATE);
END $$;
