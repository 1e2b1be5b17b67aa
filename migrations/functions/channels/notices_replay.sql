-- {"now", "limit", "run_id"?} → {"acted", "kick"}: notices that were given up are due again.
CREATE OR REPLACE FUNCTION notices_replay(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    acted integer;
BEGIN
    UPDATE outbox SET state = 'due', attempt = 0, due_at = a_now, fence = fence + 1, updated_at = a_now
     WHERE effect_id = ANY (ARRAY(
        SELECT effect_id FROM outbox WHERE state = 'dead' AND kind = 'notify'
           AND (request->>'run_id' IS NULL OR run_id = request->>'run_id')
         ORDER BY effect_id DESC LIMIT (request->>'limit')::integer FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS acted = ROW_COUNT;
    RETURN jsonb_build_object('acted', acted, 'kick', acted > 0 AND kick_take(a_now));
END $$;
