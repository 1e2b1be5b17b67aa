-- {"now", "slack_seconds", "limit", "after"?, "run_id"?} → {"runs": [...], "findings": [...]}: the next page of runs by
-- key, or one run, with what the fold needs.
CREATE OR REPLACE FUNCTION doctor_page(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    overdue timestamptz := (request->>'now')::timestamptz - make_interval(secs => (request->>'slack_seconds')::integer);
    page text[] := ARRAY[request->>'run_id'];
BEGIN
    IF request->>'run_id' IS NULL THEN
        page := ARRAY(SELECT run_id FROM runs WHERE run_id > coalesce(request->>'after', '')
                       ORDER BY run_id LIMIT (request->>'limit')::integer);
    END IF;
    RETURN jsonb_build_object(
        'runs', (SELECT coalesce(jsonb_agg(jsonb_build_object('run_id', run_id, 'status', status, 'version', version,
                        'awaiting_gate', awaiting_gate, 'deadline', deadline, 'finished_at', finished_at, 'state', state,
                        'events', (SELECT coalesce(jsonb_agg(body ORDER BY seq), '[]') FROM run_events
                                    WHERE run_events.run_id = runs.run_id)) ORDER BY run_id), '[]')
                   FROM runs WHERE run_id = ANY (page)),
        'findings', (SELECT coalesce(jsonb_agg(to_jsonb(listed) ORDER BY run_id, invariant, detail), '[]') FROM (
                        SELECT * FROM doctor_timelines(page)
                        UNION ALL SELECT * FROM doctor_runs(page, overdue)
                        UNION ALL SELECT * FROM doctor_effects(page, overdue)
                        UNION ALL SELECT * FROM doctor_jobs(page)
                        UNION ALL SELECT * FROM doctor_gates(page)) AS listed));
END $$;
