-- {"now", "provider", "key", "headers", "query", "signature_status", "trusted", "ignore", "match", "hint", "payload_bytes"} and of
-- the raw body what may be kept → {"status": "accepted" | "duplicate" | "dlq" | "busy", "run_id", "kick"}. "trusted" says that a signature covers the body. A repetition pokes its job again, and where the first delivery is a
-- dead letter and the job is known by now, it closes the dead letter. Over its budget, a stranger's delivery that names a job, or
-- has no effect, is answered as accepted without a receipt: the poke is what is committed. One that matches nothing is to come
-- again. The budget is taken when the job is held already, so that nobody holds it while waiting for a job.
CREATE OR REPLACE FUNCTION webhook_accept(request jsonb, body bytea) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    a_provider text := request->>'provider';
    trusted boolean := (request->>'trusted')::boolean;
    ignored boolean := (request->>'ignore')::boolean;
    job provider_jobs;
    finding text;
    became text := 'duplicate';
    receipt uuid;
    dead_letter uuid;
    awake boolean := false;
BEGIN
    IF NOT ignored THEN
        job := job_match(a_provider, request->'match');
    END IF;
    IF job.job_id IS NOT NULL THEN
        awake := job_poke(job.job_id, request->'hint', a_now);
    END IF;
    finding := CASE WHEN ignored THEN 'ignored' WHEN job.job_id IS NULL THEN 'dlq' ELSE 'accepted' END;
    IF finding = 'ignored' OR (finding = 'accepted' AND NOT trusted) THEN
        -- Nothing reads it any more.
        body := '';
    END IF;
    IF trusted OR NOT EXISTS (SELECT FROM webhook_events WHERE provider = a_provider
                                 AND idempotency_key = request->>'key' AND outcome <> 'refused') THEN
        IF trusted OR strangers_take(
            CASE WHEN job.is_open THEN 'job ' || (hashtext(job.job_id) & 7) ELSE a_provider END,
            receipt_bytes(request->'headers', request->>'query', body) + CASE finding WHEN 'dlq'
                THEN 512 + pg_column_size(request->'match') + pg_column_size(request->'hint') ELSE 0 END,
            a_now) THEN
            INSERT INTO webhook_events (idempotency_key, provider, headers, query, payload, payload_bytes, signature_status,
                                        outcome, received_at, run_id, job_id)
            VALUES (request->>'key', a_provider, request->'headers', request->>'query', body, (request->>'payload_bytes')::integer,
                    request->>'signature_status', finding, a_now, job.run_id, job.job_id)
            ON CONFLICT (provider, idempotency_key) WHERE outcome <> 'refused' DO NOTHING
            RETURNING id INTO receipt;
            became := CASE WHEN receipt IS NULL THEN 'duplicate' ELSE finding END;
        ELSE
            became := CASE finding WHEN 'dlq' THEN 'busy' ELSE 'unrecorded' END;
        END IF;
    END IF;
    IF became = 'dlq' THEN
        INSERT INTO webhook_dlq (id, idempotency_key, provider, headers, payload, match, error, next_retry_at, expires_at,
                                 last_error_at, created_at, updated_at)
        VALUES (receipt, request->>'key', a_provider, '{}', '',
                jsonb_build_object('match', request->'match', 'hint', request->'hint'),
                job_match_failure(a_provider, request->'match'), a_now + interval '5 seconds',
                CASE WHEN NOT trusted THEN a_now + interval '3 days' END, a_now, a_now, a_now);
    ELSIF became = 'duplicate' AND job.job_id IS NOT NULL THEN
        SELECT id INTO dead_letter FROM webhook_events
         WHERE provider = a_provider AND idempotency_key = request->>'key' AND outcome = 'dlq';
        PERFORM dead_letter_close(dead_letter, 'accepted', job, 'redelivery', 'the provider sent it again', a_now);
    END IF;
    INSERT INTO metric_observations (name, labels, value, run_id)
    SELECT 'webhook_verify_total', format('provider="%s",status="%s"', a_provider, request->>'signature_status'), 1, NULL
    UNION ALL
    SELECT 'webhook_deliveries_total', format('provider="%s",outcome="%s"', a_provider, became), 1, NULL
    UNION ALL
    SELECT 'api_rate_limited_requests_total', 'name="strangers"', 1, NULL WHERE became = 'busy';
    RETURN jsonb_build_object(
        'status', CASE WHEN became IN ('ignored', 'unrecorded') THEN 'accepted' ELSE became END,
        'run_id', job.run_id, 'kick', awake AND kick_take(a_now));
END $$;
