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
