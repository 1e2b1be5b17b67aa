-- What the sweep's reconcilers do, one bounded statement each; and what /metrics reads.

-- {"now", "holder", "lease_seconds"} → {"granted", "fence", "due": {...}}. The lease statement says what is due; when no
-- reconciler has work it records the success and holds nothing, so that an idle sweep is this one statement.
CREATE OR REPLACE FUNCTION sweep_begin(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    effects boolean := EXISTS (SELECT FROM outbox WHERE state = 'due' AND due_at <= a_now);
    due jsonb := jsonb_build_object(
        'expired_leases', EXISTS (SELECT FROM outbox WHERE state = 'leased' AND lease_until <= a_now),
        'deadlines', EXISTS (SELECT FROM runs WHERE finished_at IS NULL AND deadline <= a_now),
        'dead_letters', EXISTS (SELECT FROM webhook_dlq WHERE next_retry_at <= a_now),
        'metrics', EXISTS (SELECT FROM metric_observations),
        -- The oldest is one look into an index; whether any is older could be taken for a scan.
        'retention', coalesce((SELECT min(received_at) FROM webhook_events WHERE outcome IN ('accepted', 'ignored'))
                              < a_now - interval '14 days', false)
                  OR coalesce((SELECT min(received_at) FROM webhook_events WHERE outcome = 'refused')
                              < a_now - interval '1 day', false));
    idle boolean := NOT due @? '$.* ? (@ == true)';
    granted_fence bigint;
BEGIN
    UPDATE leases SET holder = request->>'holder', fence = fence + 1,
           held_until = CASE WHEN idle THEN held_until
                             ELSE a_now + make_interval(secs => (request->>'lease_seconds')::integer) END,
           last_success_at = CASE WHEN idle THEN a_now ELSE last_success_at END
     WHERE name = (SELECT name FROM leases WHERE name = 'sweep' AND held_until <= a_now FOR UPDATE SKIP LOCKED)
    RETURNING fence INTO granted_fence;
    RETURN jsonb_build_object('granted', granted_fence IS NOT NULL, 'idle', idle, 'fence', granted_fence,
                              'due', due || jsonb_build_object('effects', effects));
END $$;

-- {"now", "fence", "report"} → {"recorded"}: gives the lease back. An older holder records nothing.
CREATE OR REPLACE FUNCTION sweep_finish(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE leases SET held_until = 'epoch', last_success_at = (request->>'now')::timestamptz,
           last_report = request->'report'
     WHERE name = 'sweep' AND fence = (request->>'fence')::bigint;
    RETURN jsonb_build_object('recorded', FOUND);
END $$;

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

-- {"now", "after": {"deadline", "run_id"}?, "limit"} → {"runs": [state]}: overdue runs by key.
CREATE OR REPLACE FUNCTION runs_overdue(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('runs', coalesce(jsonb_agg(state ORDER BY deadline, run_id), '[]'))
      FROM (SELECT state, deadline, run_id FROM runs
             WHERE finished_at IS NULL AND deadline <= (request->>'now')::timestamptz
               AND (deadline, run_id) > (coalesce((request->'after'->>'deadline')::timestamptz, '-infinity'),
                                         coalesce(request->'after'->>'run_id', ''))
             ORDER BY deadline, run_id LIMIT (request->>'limit')::integer) AS page
$$;

-- {"now", "limit"} → {"acted", "kick"}: dead letters that are due are matched again. One that finds its job is
-- processed and leaves; another waits min(60·2^n, 3600) seconds, 12 times at most.
CREATE OR REPLACE FUNCTION dead_letters_retry(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    letter webhook_dlq;
    job jobs;
    acted integer := 0;
    awake boolean := false;
BEGIN
    FOR letter IN SELECT * FROM webhook_dlq WHERE next_retry_at <= a_now ORDER BY next_retry_at, id
                   LIMIT (request->>'limit')::integer FOR UPDATE SKIP LOCKED LOOP
        job := job_match(letter.provider, letter.match->'match');
        IF job.job_id IS NOT NULL THEN
            awake := job_poke(job.job_id, letter.match->'hint', a_now) OR awake;
            UPDATE webhook_events SET outcome = 'accepted', run_id = job.run_id, job_id = job.job_id WHERE id = letter.id;
            DELETE FROM webhook_dlq WHERE id = letter.id;
            acted := acted + 1;
        ELSE
            UPDATE webhook_dlq SET retry_count = retry_count + 1, last_error_at = a_now, updated_at = a_now,
                   next_retry_at = CASE WHEN retry_count < 12
                       THEN a_now + make_interval(secs => least(60 * 2 ^ retry_count, 3600)) END
             WHERE id = letter.id;
        END IF;
    END LOOP;
    RETURN jsonb_build_object('acted', acted, 'kick', awake AND kick_take(a_now));
END $$;

-- {"limit"} → {"acted"}: observations become totals.
CREATE OR REPLACE FUNCTION metrics_fold(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    acted integer;
BEGIN
    WITH taken AS (
        -- An array is looked up by key; a subquery of unknown size could be joined by a scan.
        DELETE FROM metric_observations WHERE observation_id = ANY (ARRAY(
            SELECT observation_id FROM metric_observations ORDER BY observation_id
             LIMIT (request->>'limit')::integer FOR UPDATE SKIP LOCKED))
        RETURNING name, labels, value
    ), folded AS (
        INSERT INTO metric_totals AS held (name, labels, value)
        SELECT name, labels, sum(value) FROM taken GROUP BY name, labels ORDER BY name, labels
        ON CONFLICT (name, labels) DO UPDATE SET value = held.value + excluded.value
    )
    SELECT count(*) INTO acted FROM taken;
    RETURN jsonb_build_object('acted', acted);
END $$;

-- {"now", "limit"} → {"acted"}: what is old goes. Webhook events after 14 days, refusals after one; never a dead letter.
CREATE OR REPLACE FUNCTION retention_prune(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    page integer := (request->>'limit')::integer;
    acted integer;
BEGIN
    DELETE FROM webhook_events WHERE id = ANY (ARRAY(
        (SELECT id FROM webhook_events WHERE outcome = 'refused' AND received_at < a_now - interval '1 day'
          ORDER BY received_at LIMIT page)
        UNION ALL
        (SELECT id FROM webhook_events WHERE outcome IN ('accepted', 'ignored')
            AND received_at < a_now - interval '14 days' ORDER BY received_at LIMIT page)));
    GET DIAGNOSTICS acted = ROW_COUNT;
    DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM idempotency_keys WHERE created_at < a_now - interval '7 days' ORDER BY created_at LIMIT page));
    RETURN jsonb_build_object('acted', acted);
END $$;

-- {"now"} → {"totals": [...], "gauges": [...]}; samples are {"name", "labels", "value"}.
CREATE OR REPLACE FUNCTION metrics_read(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    WITH gauges (name, labels, value) AS (
        SELECT 'runs_active', format('project="%s",status="%s"', project, status), count(*)::double precision
          FROM runs WHERE finished_at IS NULL GROUP BY project, status
        UNION ALL
        SELECT 'webhook_dlq_depth', format('provider="%s"', provider), count(letter.id)
          FROM unnest(ARRAY['kieai', 'shotstack', 'upload-post']) AS provider
          LEFT JOIN webhook_dlq AS letter USING (provider) GROUP BY provider
        UNION ALL
        SELECT 'outbox_depth', format('state="%s"', word), count(outbox.effect_id)
          FROM unnest(ARRAY['due', 'leased']) AS word
          LEFT JOIN outbox ON outbox.state = word AND outbox.state IN ('due', 'leased') GROUP BY word
        UNION ALL
        SELECT 'sweep_last_success_timestamp_seconds', '', coalesce(extract(epoch FROM last_success_at), 0)
          FROM leases WHERE name = 'sweep'
    )
    SELECT jsonb_build_object(
        'totals', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'labels', labels, 'value', value)
                       ORDER BY name, labels), '[]') FROM metric_totals),
        'gauges', (SELECT jsonb_agg(jsonb_build_object('name', name, 'labels', labels, 'value', value)
                       ORDER BY name, labels) FROM gauges))
$$;
