-- All that follows when runs end: [{"run_id", "project", "status", "version", "reported", "step_event"?, "metric"?}]; true when there
-- is something to export.
CREATE OR REPLACE FUNCTION runs_end(ended jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    run_ids text[] := ARRAY(SELECT run_id FROM jsonb_to_recordset(ended) AS run (run_id text));
BEGIN
    PERFORM runs_fence(run_ids, a_now);
    PERFORM runs_observe_end(ended, a_now);
    RETURN runs_export(ended, a_now);
END $$;
