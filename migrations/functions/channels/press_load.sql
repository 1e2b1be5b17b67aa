-- {"effect_id", "kind", "identity"} → {"principal", "notice", "run"}: what a press of a button is about and who
-- presses; nulls for a stranger and for a message that is not this channel's.
CREATE OR REPLACE FUNCTION press_load(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    principal jsonb := principal_of_identity(request->>'kind', request->>'identity');
    asked record;
BEGIN
    SELECT outbox.payload, runs.state INTO asked FROM outbox JOIN runs USING (run_id)
     WHERE effect_id = (request->>'effect_id')::bigint AND outbox.kind = 'notify' AND provider = request->>'kind';
    RETURN jsonb_build_object('principal', principal, 'notice', asked.payload->'notice', 'run', asked.state);
END $$;
