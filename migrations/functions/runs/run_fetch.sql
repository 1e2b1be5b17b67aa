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
