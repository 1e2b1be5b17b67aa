-- A paused run sends nothing new: its effects of these kinds are held, [{"run_id", "kinds"}]; others go on, since they only look.
-- One that is under way is not called back: when it comes back for another try, the dispatcher sees the pause and holds it.
CREATE OR REPLACE FUNCTION runs_hold(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox SET state = 'held', updated_at = a_now
     WHERE effect_id IN (SELECT effect_id FROM jsonb_to_recordset(rows) AS row (run_id text, kinds jsonb) JOIN outbox USING (run_id)
                          WHERE is_live AND state = 'due' AND row.kinds ? outbox.kind ORDER BY effect_id FOR UPDATE OF outbox);
END $$;
