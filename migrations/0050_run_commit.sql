-- Instances of the release before call run_commit: {"now", "decisions": [{"run", "expected_version", "payload", "result", "events",
-- "rows", "settle"?, "idempotency"?, "chat"?, "observed"?}], "seen"?} → {"results", "kick", "breakers", "seen"}. One
-- decision after the other, in their lock order; a run may have several, each built on the one before.
CREATE OR REPLACE FUNCTION run_commit_request(decision jsonb, a_now text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    of_run jsonb := jsonb_build_object('run_id', decision->'run'->'run_id');
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object('now', a_now, 'chat', decision->'chat')) || coalesce((
        SELECT jsonb_object_agg(key, rows) FROM (
            SELECT CASE key WHEN 'notifications' THEN 'notices' ELSE key END AS key, (
                   SELECT jsonb_agg(of_run || CASE key WHEN 'notifications' THEN jsonb_build_object('notice', row)
                                                         WHEN 'votes' THEN jsonb_build_object('decision', row) ELSE row END ORDER BY place)
                     FROM jsonb_array_elements(value) WITH ORDINALITY AS listed (row, place)) AS rows
              FROM jsonb_each(coalesce(decision->'rows', '{}') || jsonb_strip_nulls(jsonb_build_object(
                   'events', decision->'events')))
            UNION ALL
            SELECT 'decisions', jsonb_build_array(of_run || decision) WHERE decision ? 'run'
            UNION ALL
            SELECT 'settles', jsonb_build_array(CASE WHEN decision ? 'run' THEN of_run ELSE '{}' END || (decision->'settle'))
             WHERE decision ? 'settle') AS part WHERE rows IS NOT NULL), '{}');
END $$;

CREATE OR REPLACE FUNCTION run_commit(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(request->'decisions')]);
    answer jsonb;
    outcome jsonb;
    decision jsonb;
    place bigint;
    a_run_id text;
    broken_run_id text := '';
    kick boolean := false;
    observed jsonb := '[]';
    breakers jsonb := '[]';
    seen boolean := request ? 'seen';
BEGIN
    FOR decision, place IN SELECT value, ordinality FROM jsonb_array_elements(request->'decisions') WITH ORDINALITY
                            ORDER BY (value->>'expected_version')::bigint IS NOT DISTINCT FROM 0,
                                     CASE WHEN (value->>'expected_version')::bigint = 0
                                          THEN value->'run'->'definition'->>'key' END,
                                     coalesce(value->'run'->'inheritance'->>'parent_run_id', value->'run'->>'run_id')
                                         NULLS LAST, ordinality LOOP
        a_run_id := decision->'run'->>'run_id';
        IF a_run_id = broken_run_id THEN
            outcome := jsonb_build_object('result', 'conflict', 'run', (SELECT state FROM runs WHERE run_id = a_run_id));
        ELSE
            answer := runs_commit(run_commit_request(decision, request->>'now'));
            outcome := coalesce(answer->'refused'->a_run_id, CASE WHEN answer->'fenced' <> '[]' THEN '{"result": "fenced"}'
                                                                  ELSE '{"result": "committed"}' END::jsonb);
            kick := kick OR (answer->>'kick')::boolean;
        END IF;
        IF outcome->>'result' <> 'committed' THEN
            broken_run_id := coalesce(a_run_id, broken_run_id);
            seen := false;
        END IF;
        IF decision ? 'observed' AND outcome->>'result' <> 'conflict' THEN
            observed := observed || (decision->'observed');
        END IF;
        answers[place] := outcome;
    END LOOP;
    IF observed <> '[]' THEN
        breakers := providers_observe(observed, a_now);
        PERFORM contacts_observe(observed, breakers);
    END IF;
    IF seen THEN
        PERFORM request_seen(request->'seen', request->'decisions'->0->'run'->>'run_id');
    END IF;
    RETURN jsonb_build_object('results', to_jsonb(answers), 'kick', kick, 'breakers', breakers, 'seen', seen);
END $$;

-- What run_commit of the release before was made of.
DROP FUNCTION IF EXISTS effect_settle(jsonb, timestamptz), run_write(jsonb, timestamptz), run_commit_one(jsonb, timestamptz),
    run_append(text, jsonb), run_rearm(jsonb, timestamptz), jobs_observe(text, jsonb, timestamptz),
    run_jobs(text, jsonb, timestamptz), run_gates_close(text, jsonb, timestamptz), run_gates_open(text, jsonb, timestamptz),
    run_approvals(text, jsonb, jsonb, timestamptz), run_artifacts(text, jsonb, timestamptz),
    run_effects(text, jsonb, timestamptz), run_write_rows(text, jsonb, timestamptz), run_hold(text, timestamptz),
    run_release(text, timestamptz), run_fence(text, timestamptz), run_observe_end(jsonb, timestamptz),
    notify_fan_out(text, jsonb, timestamptz), export_end(jsonb, timestamptz),
    run_rows(text, jsonb, timestamptz), run_close_gates(text, jsonb, timestamptz);
