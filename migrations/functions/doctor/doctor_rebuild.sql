-- {"run_id", "run", "result"} → {"rebuilt"}: writes the fold of a run's timeline over its row, unless the timeline has
-- moved on since it was read.
CREATE OR REPLACE FUNCTION doctor_rebuild(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    run jsonb := request->'run';
BEGIN
    PERFORM set_config('mw.commit', 'on', true);
    PERFORM FROM runs WHERE run_id = request->>'run_id' FOR UPDATE;
    UPDATE runs SET state = run, status = run->>'status', version = (run->>'version')::bigint, result = request->'result',
           awaiting_gate = CASE WHEN run->>'status' <> 'paused' THEN run->'gate'->>'gate' END,
           deadline = (run->>'deadline')::timestamptz, finished_at = (run->>'finished_at')::timestamptz
     WHERE run_id = request->>'run_id' AND (run->>'version')::bigint = (
           SELECT max(seq) FROM run_events WHERE run_events.run_id = request->>'run_id');
    RETURN jsonb_build_object('rebuilt', FOUND);
END $$;
