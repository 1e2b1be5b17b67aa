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
        'retention', EXISTS (SELECT FROM webhook_events WHERE outcome IN ('accepted', 'discarded', 'ignored')
                                AND received_at < a_now - interval '14 days'
                                AND coalesce(settled_at, received_at) < a_now - interval '14 days')
                  OR EXISTS (SELECT FROM webhook_events WHERE outcome = 'refused'
                                AND received_at < a_now - interval '1 day'));
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

-- {"limit"} → {"acted"}: observations become totals.
CREATE OR REPLACE FUNCTION metrics_fold(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    acted integer;
BEGIN
    WITH taken AS (
        DELETE FROM metric_observations WHERE observation_id IN (
            SELECT observation_id FROM metric_observations ORDER BY observation_id
             LIMIT (request->>'limit')::integer FOR UPDATE SKIP LOCKED)
        RETURNING name, labels, value
    ), folded AS (
        INSERT INTO metric_totals AS held (name, labels, value)
        SELECT name, labels, sum(value) FROM taken GROUP BY name, labels ORDER BY name, labels
        ON CONFLICT (name, labels) DO UPDATE SET value = held.value + excluded.value
    )
    SELECT count(*) INTO acted FROM taken;
    RETURN jsonb_build_object('acted', acted);
END $$;

-- {"now", "limit", "webhooks_days"?} → {"acted"}: what is old goes. Webhook events after 14 days (a dead letter's
-- receipt 14 days after its end), refusals after one; never an open dead letter.
CREATE OR REPLACE FUNCTION retention_prune(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    oldest timestamptz := a_now - make_interval(days => coalesce((request->>'webhooks_days')::integer, 14));
    page integer := (request->>'limit')::integer;
    acted integer;
BEGIN
    DELETE FROM webhook_events WHERE id IN (
        (SELECT id FROM webhook_events WHERE outcome = 'refused' AND received_at < a_now - interval '1 day' LIMIT page)
        UNION ALL
        (SELECT id FROM webhook_events WHERE outcome IN ('accepted', 'discarded', 'ignored')
            AND received_at < oldest AND coalesce(settled_at, received_at) < oldest ORDER BY received_at LIMIT page));
    GET DIAGNOSTICS acted = ROW_COUNT;
    DELETE FROM idempotency_keys WHERE (caller, key) IN (
        SELECT caller, key FROM idempotency_keys WHERE created_at < a_now - interval '7 days' LIMIT page);
    RETURN jsonb_build_object('acted', acted);
END $$;

-- {"now", "limit", "artifacts_days", "after"?: {"finished_at", "run_id"}} → {"acted", "after"}: artifacts of runs that
-- ended long ago go, a page of runs at a time, by key; the timeline stays. "after" is null behind the last page.
CREATE OR REPLACE FUNCTION artifacts_prune(request jsonb) RETURNS jsonb
LANGUAGE sql AS $$
    WITH page AS MATERIALIZED (
        SELECT run_id, finished_at FROM runs
         WHERE finished_at < (request->>'now')::timestamptz - make_interval(days => (request->>'artifacts_days')::integer)
           AND (finished_at, run_id) > (coalesce((request->'after'->>'finished_at')::timestamptz, '-infinity'),
                                        coalesce(request->'after'->>'run_id', ''))
         ORDER BY finished_at, run_id LIMIT (request->>'limit')::integer
    ), gone AS (
        DELETE FROM artifacts WHERE run_id IN (SELECT run_id FROM page) RETURNING 1
    )
    SELECT jsonb_build_object('acted', (SELECT count(*) FROM gone), 'after', (
        SELECT jsonb_build_object('finished_at', finished_at, 'run_id', run_id) FROM page
         ORDER BY finished_at DESC, run_id DESC LIMIT 1))
$$;

-- {"now", "webhooks_days", "artifacts_days"} → {"webhook_events", "refusals", "artifacts"}: what the two would take.
CREATE OR REPLACE FUNCTION retention_count(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    WITH oldest AS (
        SELECT (request->>'now')::timestamptz AS now,
               (request->>'now')::timestamptz - make_interval(days => (request->>'webhooks_days')::integer) AS webhook,
               (request->>'now')::timestamptz - make_interval(days => (request->>'artifacts_days')::integer) AS artifact)
    SELECT jsonb_build_object(
        'webhook_events', (SELECT count(*) FROM webhook_events
            WHERE outcome IN ('accepted', 'discarded', 'ignored') AND coalesce(settled_at, received_at) < webhook),
        'refusals', (SELECT count(*) FROM webhook_events WHERE outcome = 'refused' AND received_at < now - interval '1 day'),
        'artifacts', (SELECT count(*) FROM artifacts JOIN runs USING (run_id) WHERE finished_at < artifact))
      FROM oldest
$$;

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
        SELECT 'webhook_dlq_depth', format('provider="%s"', provider), count(*)
          FROM webhook_dlq WHERE provider LIKE 'std:%' GROUP BY provider
        UNION ALL
        SELECT 'webhook_dlq_exhausted', '', count(*) FROM webhook_dlq WHERE next_retry_at IS NULL
        UNION ALL
        SELECT 'drain_active', '', CASE WHEN active THEN 1 ELSE 0 END FROM drain
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
