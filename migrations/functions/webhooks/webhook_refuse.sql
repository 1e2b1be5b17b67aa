-- {"now", "provider", "body_hash", "headers", "signature_status", "payload_bytes"} and the beginning of the body →
-- {"stored"}. What is refused burns no key; each body is one row for each status, counted as long as the budget lasts.
CREATE OR REPLACE FUNCTION webhook_refuse(request jsonb, body bytea) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    kept boolean;
BEGIN
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'webhook_verify_total', format('provider="%s",status="%s"', request->>'provider',
                                          request->>'signature_status'), 1
    UNION ALL
    SELECT 'webhook_deliveries_total', format('provider="%s",outcome="refused"', request->>'provider'), 1;
    kept := strangers_take('refused', receipt_bytes(request->'headers', '', body), a_now);
    IF kept THEN
        INSERT INTO webhook_events AS held (idempotency_key, provider, headers, payload, payload_bytes, signature_status,
                                            outcome, received_at)
        VALUES (request->>'body_hash', request->>'provider', request->'headers', body,
                (request->>'payload_bytes')::integer, request->>'signature_status',
                'refused', a_now)
        ON CONFLICT (provider, idempotency_key, signature_status) WHERE outcome = 'refused'
        DO UPDATE SET count = held.count + 1, received_at = a_now;
    END IF;
    RETURN jsonb_build_object('stored', kept);
END $$;
