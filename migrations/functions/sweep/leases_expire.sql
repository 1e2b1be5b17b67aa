-- {"now", "limit"} → {"acted"}: effects whose holder went silent are due again. What may have been sent stays marked.
CREATE OR REPLACE FUNCTION leases_expire(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    acted integer;
BEGIN
    UPDATE outbox SET state = 'due', lease_until = NULL, due_at = a_now, fence = fence + 1, updated_at = a_now,
           last_error = 'lease expired'
     WHERE effect_id IN (SELECT effect_id FROM outbox WHERE state = 'leased' AND lease_until <= a_now
                          ORDER BY lease_until LIMIT (request->>'limit')::integer FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS acted = ROW_COUNT;
    RETURN jsonb_build_object('acted', acted);
END $$;
