-- The next versions of runs whose rows are locked: which of them are at their end, and which are paused. A paused run waits at
-- its gate, but nobody can decide there: `awaiting_gate` is for those who can.
CREATE OR REPLACE FUNCTION runs_write(decisions jsonb, a_now timestamptz, OUT ended jsonb, OUT paused text[])
LANGUAGE plpgsql AS $$
BEGIN
    WITH written AS (
        UPDATE runs SET status = run->>'status', result = new.result, updated_at = a_now, version = (run->>'version')::bigint,
               state = run, awaiting_gate = CASE WHEN run->>'status' <> 'paused' THEN run->'gate'->>'gate' END,
               deadline = (run->>'deadline')::timestamptz, finished_at = (run->>'finished_at')::timestamptz
          FROM jsonb_to_recordset(decisions) AS new (run_id text, expected_version bigint, run jsonb, result jsonb)
         WHERE runs.run_id = new.run_id AND expected_version > 0
        RETURNING runs.run_id, status, CASE WHEN finished_at IS NOT NULL THEN run_ended(state) END AS end_of_run
    )
    SELECT jsonb_agg(end_of_run) FILTER (WHERE end_of_run IS NOT NULL), array_agg(run_id) FILTER (WHERE status = 'paused')
      INTO ended, paused FROM written;
END $$;
