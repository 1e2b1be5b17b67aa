-- The next versions of runs whose rows are locked. A paused run waits at its gate, but nobody can decide there: `awaiting_gate` is
-- for those who can.
CREATE OR REPLACE FUNCTION runs_write(decisions jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE runs SET status = run->>'status', ended = run->>'end', result = new.result, updated_at = a_now, version = (run->>'version')::bigint,
           state = run, awaiting_gate = CASE WHEN run->'pause' IS NULL THEN run->'gates'->0->>'gate' END,
           deadline = (run->>'deadline')::timestamptz, finished_at = (run->>'finished_at')::timestamptz
      FROM jsonb_to_recordset(decisions) AS new (run_id text, expected_version bigint, run jsonb, result jsonb)
     WHERE runs.run_id = new.run_id AND expected_version > 0;
END $$;
