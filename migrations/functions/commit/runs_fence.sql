-- Ends whatever is open around runs that have ended: their gates, their effects, their jobs. People, the collector of traces
-- and Sentry are still told of them.
CREATE OR REPLACE FUNCTION runs_fence(run_ids text[], a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox SET state = 'fenced', lease_until = NULL, fence = fence + 1, updated_at = a_now
     WHERE effect_id IN (SELECT effect_id FROM outbox WHERE run_id = ANY (run_ids) AND is_live AND state IN ('due', 'leased', 'held')
                            AND kind NOT IN ('notify', 'trace', 'report') ORDER BY effect_id FOR UPDATE);
    UPDATE provider_jobs SET state = 'fenced', updated_at = a_now
     WHERE run_id = ANY (run_ids) AND is_open;
    UPDATE gates SET state = 'closed', decided_at = a_now, warn_at = NULL WHERE run_id = ANY (run_ids) AND decided_at IS NULL;
END $$;
