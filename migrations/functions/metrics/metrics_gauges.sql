-- The gauges at a moment, as (name, labels, value). Of runs, gates, jobs and effects, what is open is counted, of which only
-- we make more; of dead letters, which strangers make, so many at most.
CREATE OR REPLACE FUNCTION metrics_gauges(a_now timestamptz) RETURNS TABLE (name text, labels text, value double precision)
LANGUAGE sql STABLE AS $$
    WITH open_runs AS MATERIALIZED (
        SELECT project, status, updated_at, deadline FROM runs WHERE finished_at IS NULL
    ), open_gates AS MATERIALIZED (
        SELECT gate, opened_at, deadline FROM gates WHERE decided_at IS NULL
    ), dead_letters AS MATERIALIZED (
        SELECT sender AS provider, counted.many, (
                   SELECT created_at FROM webhook_dlq WHERE provider = sender ORDER BY created_at, id LIMIT 1) AS oldest
          FROM dead_letter_senders() AS sender, LATERAL (
            SELECT count(*) AS many FROM (SELECT FROM webhook_dlq WHERE provider = sender ORDER BY created_at DESC, id DESC
                                           LIMIT dead_letters_counted()) AS listed) AS counted
    )
    SELECT 'runs_active', format('project="%s",status="%s"', project, status), count(*)::double precision
      FROM open_runs GROUP BY project, status
    UNION ALL
    SELECT 'runs_oldest_age_seconds', format('status="%s"', status), greatest(0, extract(epoch FROM a_now - min(updated_at)))
      FROM open_runs GROUP BY status
    UNION ALL
    SELECT 'runs_overdue', '', count(*) FROM open_runs WHERE deadline <= a_now
    UNION ALL
    SELECT 'gates_open', format('gate="%s"', word), count(opened_at)
      FROM (SELECT DISTINCT step->>'gate' AS word FROM projects JOIN project_versions USING (key, version),
                   jsonb_path_query(definition, '$.steps[*] ? (@.kind == "gate")') AS step
             UNION SELECT gate FROM open_gates) AS named LEFT JOIN open_gates ON gate = word GROUP BY word
    UNION ALL
    SELECT 'gates_overdue', '', count(*) FROM open_gates WHERE deadline <= a_now
    UNION ALL
    SELECT 'gates_oldest_age_seconds', format('gate="%s"', gate), greatest(0, extract(epoch FROM a_now - min(opened_at)))
      FROM open_gates GROUP BY gate
    UNION ALL
    SELECT 'jobs_open', format('provider="%s",state="%s"', provider, state), count(*)
      FROM provider_jobs WHERE is_open GROUP BY provider, state
    UNION ALL
    SELECT 'webhook_dlq_depth', format('provider="%s"', provider), coalesce(many, 0)
      FROM (SELECT provider FROM provider_states WHERE job_seconds IS NOT NULL) AS makers
           FULL JOIN dead_letters USING (provider)
    UNION ALL
    SELECT 'webhook_dlq_oldest_age_seconds', format('provider="%s"', provider), greatest(0, extract(epoch FROM a_now - oldest))
      FROM dead_letters
    UNION ALL
    SELECT 'webhook_dlq_exhausted', '', count(*)
      FROM (SELECT FROM webhook_dlq WHERE next_retry_at IS NULL ORDER BY created_at DESC, id DESC
             LIMIT dead_letters_counted()) AS listed
    UNION ALL
    -- Of the role that asks: its own are all that it may see.
    SELECT 'database_connections', '', count(*)
      FROM pg_stat_activity WHERE usename = current_user AND datname = current_database()
    UNION ALL
    SELECT 'database_connections_max', '', CASE WHEN rolconnlimit >= 0 THEN rolconnlimit
                                                ELSE current_setting('max_connections')::integer END
      FROM pg_roles WHERE rolname = current_user
    UNION ALL
    SELECT 'drain_active', '', CASE WHEN active THEN 1 ELSE 0 END FROM drain
    UNION ALL
    SELECT 'outbox_depth', format('state="%s"', word), count(outbox.effect_id)
      FROM unnest(ARRAY['due', 'leased']) AS word
      LEFT JOIN outbox ON outbox.state = word AND outbox.is_live AND outbox.state IN ('due', 'leased') GROUP BY word
    UNION ALL
    SELECT 'outbox_oldest_due_seconds', '', coalesce(greatest(0, extract(epoch FROM a_now - (
               SELECT due_at FROM outbox WHERE outbox.state = 'due' ORDER BY due_at, effect_id LIMIT 1))), 0)
    UNION ALL
    SELECT 'provider_breaker_state', format('provider="%s"', provider),
           CASE WHEN retry_at IS NULL THEN 0 WHEN probe_effect_id IS NOT NULL THEN 1 ELSE 2 END
      FROM provider_states WHERE provider <> 'mock'
    UNION ALL
    SELECT 'sweep_last_success_timestamp_seconds', '', coalesce(extract(epoch FROM last_success_at), 0)
      FROM leases WHERE leases.name = 'sweep'
    UNION ALL
    SELECT 'sweep_lag_seconds', '', greatest(0, extract(epoch FROM a_now - last_success_at))
      FROM leases WHERE leases.name = 'sweep' AND last_success_at IS NOT NULL
$$;
