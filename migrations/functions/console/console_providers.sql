-- {"series"} → {"shell", "providers", "totals", "series"}: the limits of every provider with what is used of them, the
-- totals of its attempts and of its webhooks, and its last hour and day.
CREATE OR REPLACE FUNCTION console_providers(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (WITH looks AS (SELECT provider, count(*) AS many FROM outbox
                    WHERE state IN ('due', 'leased') AND lane = 'look' GROUP BY provider),
         leased AS (SELECT provider, count(*) AS many FROM outbox WHERE state = 'leased' GROUP BY provider),
         due AS (SELECT provider, count(*) AS many, min(due_at) AS oldest FROM outbox
                  WHERE state = 'due' AND due_at <= (request->>'now')::timestamptz GROUP BY provider)
    SELECT jsonb_build_object('shell', console_shell(request),
        'series', metric_series_since(ARRAY(SELECT jsonb_array_elements_text(request->'series'))),
        'providers', (SELECT jsonb_agg(jsonb_build_object('provider', provider, 'breaker', breaker, 'failures', failures,
                'breaker_failures', breaker_failures, 'retry_at', retry_at, 'window_seconds', window_seconds,
                'starts_max', starts_max, 'starts', (SELECT count(*) FROM unnest(starts) AS at
                    WHERE at > (request->>'now')::timestamptz - make_interval(secs => window_seconds)),
                'open_jobs_max', open_jobs_max, 'open_jobs', coalesce(looks.many, 0),
                'in_flight_max', in_flight_max, 'in_flight', coalesce(leased.many, 0),
                'due', coalesce(due.many, 0), 'oldest_due_at', due.oldest,
                'held_until', nullif(greatest(start_held_until, look_held_until), '-infinity')) ORDER BY provider)
              FROM provider_states LEFT JOIN looks USING (provider) LEFT JOIN leased USING (provider)
                   LEFT JOIN due USING (provider)),
        -- Of the seconds it is the mean.
        'totals', (SELECT coalesce(jsonb_agg(to_jsonb(told) ORDER BY name, labels), '[]') FROM (
              SELECT name, labels, value FROM metric_totals
               WHERE name IN ('effect_attempts_total', 'webhook_verify_total')
              UNION ALL
              SELECT name, labels, sum(sum) / sum(count) FROM metric_histograms
               WHERE name = 'provider_request_seconds' AND run_id = '' GROUP BY name, labels) AS told)));
END $$;
