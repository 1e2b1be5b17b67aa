-- {"now", "holder", "lease_seconds", "exports"?} → {"granted", "fence", "due": {...}}. The lease statement says what is due;
-- when no reconciler has work it records the success and holds nothing, so that an idle sweep is this one statement.
CREATE OR REPLACE FUNCTION sweep_begin(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    effects boolean := EXISTS (SELECT FROM outbox WHERE state = 'due' AND due_at <= a_now);
    due jsonb := jsonb_build_object(
        'expired_leases', EXISTS (SELECT FROM outbox WHERE state = 'leased' AND lease_until <= a_now),
        'requested_ends', EXISTS (SELECT FROM runs WHERE end_requested_at IS NOT NULL AND finished_at IS NULL),
        'deadlines', EXISTS (SELECT FROM runs WHERE finished_at IS NULL AND deadline <= a_now),
        'gate_warnings', EXISTS (SELECT FROM gates WHERE decided_at IS NULL AND warn_at IS NOT NULL AND warn_at <= a_now),
        'lost_effects', EXISTS (SELECT FROM leases WHERE name = 'lost_effects' AND held_until <= a_now)
                    AND (EXISTS (SELECT FROM provider_jobs WHERE is_open)
                         OR EXISTS (SELECT FROM outbox WHERE state = 'held')),
        'dead_letters', EXISTS (SELECT FROM webhook_dlq WHERE next_retry_at <= a_now),
        'metrics', EXISTS (SELECT FROM metric_observations),
        -- The oldest is one look into an index; whether any is older could be taken for a scan.
        'retention', coalesce((SELECT min(coalesce(settled_at, received_at)) FROM webhook_events
                                WHERE outcome IN ('accepted', 'discarded', 'ignored')) < a_now - interval '14 days', false)
                  OR coalesce((SELECT min(received_at) FROM webhook_events WHERE outcome = 'refused')
                              < a_now - interval '1 day', false)
                  OR coalesce((SELECT min(received_at) FROM channel_updates) < a_now - interval '7 days', false)
                  OR coalesce((SELECT min(expires_at) FROM webhook_dlq) <= a_now, false)
                  OR coalesce((SELECT min(window_start) FROM rate_limits) < a_now - interval '10 minutes', false));
    idle boolean := NOT due @? '$.* ? (@ == true)';
    granted_fence bigint;
BEGIN
    PERFORM exports_want(request->'exports', a_now);
    UPDATE leases SET holder = request->>'holder', fence = fence + 1,
           held_until = CASE WHEN idle THEN held_until
                             ELSE a_now + make_interval(secs => (request->>'lease_seconds')::integer) END,
           last_success_at = CASE WHEN idle THEN a_now ELSE last_success_at END
     WHERE name = (SELECT name FROM leases WHERE name = 'sweep' AND held_until <= a_now FOR UPDATE SKIP LOCKED)
    RETURNING fence INTO granted_fence;
    RETURN jsonb_build_object('granted', granted_fence IS NOT NULL, 'idle', idle, 'fence', granted_fence,
                              'due', due || jsonb_build_object('effects', effects));
END $$;
