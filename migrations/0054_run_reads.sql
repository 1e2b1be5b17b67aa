-- Reads of whole states. They answer in `json` and not in `jsonb`: a state is written as text once, and not built anew into a
-- document that is then written as text (a third of the time, for a page of runs). Instances of the release before call
-- what they are named after.

-- {"now", "key_hash"?, "run_id", "approver"?, "limit"?} → {"principal", "limit", "admitted", "run", "approver"}: the run's state, or
-- null, and what is known of the approver whom a link names.
CREATE OR REPLACE FUNCTION run_fetch(request jsonb) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
    caller jsonb := caller_admit(request);
BEGIN
    RETURN json_build_object('principal', caller->'principal', 'limit', caller->'limit', 'admitted', caller->'admitted',
        'run', CASE WHEN (caller->>'admitted')::boolean THEN (SELECT state FROM runs WHERE run_id = request->>'run_id') END,
        'approver', principal_named(request->>'approver'));
END $$;

CREATE OR REPLACE FUNCTION run_load(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    RETURN run_fetch(request)::jsonb;
END $$;

-- {"now", "after": {"at", "run_id"}?, "limit"} → {"runs": [{"run_id", "at", "run"}]}: overdue runs by key.
CREATE OR REPLACE FUNCTION runs_past_deadline(request jsonb) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT json_build_object('runs', coalesce(json_agg(json_build_object('run_id', run_id, 'at', deadline, 'run', state)
                                                               ORDER BY deadline, run_id), '[]'))
      FROM (SELECT state, deadline, run_id FROM runs
             WHERE finished_at IS NULL AND deadline <= (request->>'now')::timestamptz
               AND (deadline, run_id) > (coalesce((request->'after'->>'at')::timestamptz, '-infinity'),
                                         coalesce(request->'after'->>'run_id', ''))
             ORDER BY deadline, run_id LIMIT (request->>'limit')::integer) AS page);
END $$;

CREATE OR REPLACE FUNCTION runs_overdue(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN runs_past_deadline(request)::jsonb;
END $$;

-- {"now", "after": {"at", "run_id"}?, "limit"} → {"runs": [{"run_id", "at", "run"}]}: runs whose gate must be warned about.
CREATE OR REPLACE FUNCTION runs_past_warning(request jsonb) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT json_build_object('runs', coalesce(json_agg(json_build_object('run_id', run_id, 'at', warn_at,
               'run', (SELECT runs.state FROM runs WHERE runs.run_id = page.run_id)) ORDER BY warn_at, run_id), '[]'))
      FROM (SELECT run_id, warn_at FROM gates
             WHERE state = 'open' AND warn_at IS NOT NULL AND warn_at <= (request->>'now')::timestamptz
               AND (warn_at, run_id) > (coalesce((request->'after'->>'at')::timestamptz, '-infinity'),
                                        coalesce(request->'after'->>'run_id', ''))
             ORDER BY warn_at, run_id LIMIT (request->>'limit')::integer) AS page);
END $$;

CREATE OR REPLACE FUNCTION runs_to_warn(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN runs_past_warning(request)::jsonb;
END $$;
