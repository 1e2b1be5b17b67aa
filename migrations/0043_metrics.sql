-- Metrics: observations are written beside the work that they count, folded into totals by the sweep, and read with cheap
-- gauges of what is open. mw_core::metrics names every family and says which are histograms, with which bounds.

-- Whose request it was, for the families that are also kept by run.
ALTER TABLE metric_observations ADD COLUMN IF NOT EXISTS run_id text;

-- How many observations fell into each bucket, by its upper bound, and their sum. A row of a run repeats what its
-- row without one ('') counts, so that it may go when newer runs come.
CREATE TABLE IF NOT EXISTS metric_histograms (
    name   text NOT NULL,
    labels text NOT NULL,
    run_id text NOT NULL DEFAULT '',
    le     double precision NOT NULL,
    count  bigint NOT NULL,
    sum    double precision NOT NULL,
    PRIMARY KEY (name, labels, run_id, le)
);
CREATE INDEX IF NOT EXISTS metric_histograms_by_run ON metric_histograms (run_id) WHERE run_id <> '';

-- How long a request has taken by now: {"seconds"} when its statement was sent, and the statement until here.
CREATE OR REPLACE FUNCTION seen_seconds(seen jsonb) RETURNS double precision
LANGUAGE sql VOLATILE AS $$
    SELECT (seen->>'seconds')::double precision + extract(epoch FROM clock_timestamp() - statement_timestamp())
$$;

-- Counts a request: {"labels", "seconds"}.
CREATE OR REPLACE FUNCTION request_seen(seen jsonb, a_run_id text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metric_observations (name, labels, value, run_id)
    VALUES ('http_request_duration_seconds', seen->>'labels', seen_seconds(seen), a_run_id);
END $$;

-- Entry point: {"seen": {"labels", "seconds"}, "run_id"?} → {"seen": true}: counts a request that has written nothing itself.
-- Its time is over: the statement adds none.
CREATE OR REPLACE FUNCTION request_observe(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metric_observations (name, labels, value, run_id)
    VALUES ('http_request_duration_seconds', request->'seen'->>'labels', (request->'seen'->>'seconds')::double precision,
            request->>'run_id');
    RETURN '{"seen": true}';
END $$;

-- {"limit", "bounds": {histogram: [bound]}, "runs"} → {"acted"}: observations become totals; of histograms by run, those of
-- the newest runs stay. A sweep of the release before names no bounds, and leaves the work to one of this release.
CREATE OR REPLACE FUNCTION metrics_fold(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    acted integer;
BEGIN
    IF NOT request ? 'bounds' THEN
        RETURN '{"acted": 0}';
    END IF;
    WITH families AS MATERIALIZED (
        SELECT key AS name, ARRAY(SELECT bound::double precision FROM jsonb_array_elements_text(value) AS bound) AS bounds
          FROM jsonb_each(request->'bounds')
    ), taken AS (
        -- An array is looked up by key; a subquery of unknown size could be joined by a scan.
        DELETE FROM metric_observations WHERE observation_id = ANY (ARRAY(
            SELECT observation_id FROM metric_observations ORDER BY observation_id
             LIMIT (request->>'limit')::integer FOR UPDATE SKIP LOCKED))
        RETURNING name, labels, value, run_id
    ), placed AS (
        SELECT taken.*, CASE WHEN families.name IS NOT NULL THEN coalesce(
                   (SELECT min(bound) FROM unnest(bounds) AS bound WHERE bound >= value), 'Infinity') END AS le
          FROM taken LEFT JOIN families USING (name)
    ), folded AS (
        INSERT INTO metric_totals AS held (name, labels, value)
        SELECT name, labels, sum(value) FROM placed WHERE le IS NULL GROUP BY name, labels ORDER BY name, labels
        ON CONFLICT (name, labels) DO UPDATE SET value = held.value + excluded.value
    ), spread AS (
        INSERT INTO metric_histograms AS held (name, labels, run_id, le, count, sum)
        SELECT name, labels, owner, le, count(*), sum(value)
          FROM (SELECT name, labels, '' AS owner, le, value FROM placed WHERE le IS NOT NULL
                UNION ALL
                SELECT name, labels, run_id, le, value FROM placed WHERE le IS NOT NULL AND run_id <> '') AS each
         GROUP BY name, labels, owner, le ORDER BY name, labels, owner, le
        ON CONFLICT (name, labels, run_id, le) DO UPDATE SET count = held.count + excluded.count,
               sum = held.sum + excluded.sum
    )
    SELECT count(*) INTO acted FROM taken;
    IF acted < (request->>'limit')::integer THEN
        DELETE FROM metric_histograms WHERE run_id <> '' AND run_id NOT IN (
            SELECT run_id FROM runs ORDER BY created_at DESC, run_id DESC LIMIT (request->>'runs')::integer);
    END IF;
    RETURN jsonb_build_object('acted', acted);
END $$;

-- The gauges at a moment, as (name, labels, value).
CREATE OR REPLACE FUNCTION metrics_gauges(a_now timestamptz) RETURNS TABLE (name text, labels text, value double precision)
LANGUAGE sql STABLE AS $$
    WITH open_runs AS MATERIALIZED (
        SELECT project, status, updated_at, deadline FROM runs WHERE finished_at IS NULL
    ), open_gates AS MATERIALIZED (
        SELECT gate, opened_at, deadline FROM gates WHERE state = 'open'
    ), letters AS MATERIALIZED (
        SELECT provider, count(*) AS many, min(created_at) AS oldest FROM webhook_dlq GROUP BY provider
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
      FROM unnest(ARRAY['workflow', 'ideate', 'prepublish']) AS word LEFT JOIN open_gates ON gate = word GROUP BY word
    UNION ALL
    SELECT 'gates_overdue', '', count(*) FROM open_gates WHERE deadline <= a_now
    UNION ALL
    SELECT 'gates_oldest_age_seconds', format('gate="%s"', gate), greatest(0, extract(epoch FROM a_now - min(opened_at)))
      FROM open_gates GROUP BY gate
    UNION ALL
    SELECT 'jobs_open', format('provider="%s",state="%s"', provider, state), count(*)
      FROM jobs WHERE state IN ('requested', 'submitted') GROUP BY provider, state
    UNION ALL
    SELECT 'webhook_dlq_depth', format('provider="%s"', provider), coalesce(many, 0)
      FROM unnest(ARRAY['kieai', 'shotstack', 'upload-post']) AS provider FULL JOIN letters USING (provider)
    UNION ALL
    SELECT 'webhook_dlq_oldest_age_seconds', format('provider="%s"', provider), greatest(0, extract(epoch FROM a_now - oldest))
      FROM letters
    UNION ALL
    SELECT 'webhook_dlq_exhausted', '', count(*) FROM webhook_dlq WHERE next_retry_at IS NULL
    UNION ALL
    SELECT 'drain_active', '', CASE WHEN active THEN 1 ELSE 0 END FROM drain
    UNION ALL
    SELECT 'outbox_depth', format('state="%s"', word), count(outbox.effect_id)
      FROM unnest(ARRAY['due', 'leased']) AS word
      LEFT JOIN outbox ON outbox.state = word AND outbox.state IN ('due', 'leased') GROUP BY word
    UNION ALL
    SELECT 'outbox_oldest_due_seconds', '', coalesce(greatest(0, extract(epoch FROM a_now - (
               SELECT due_at FROM outbox WHERE outbox.state = 'due' ORDER BY due_at, effect_id LIMIT 1))), 0)
    UNION ALL
    SELECT 'provider_breaker_state', format('provider="%s"', provider),
           CASE breaker WHEN 'closed' THEN 0 WHEN 'half_open' THEN 1 WHEN 'open' THEN 2 END
      FROM provider_states WHERE provider <> 'mock'
    UNION ALL
    SELECT 'sweep_last_success_timestamp_seconds', '', coalesce(extract(epoch FROM last_success_at), 0)
      FROM leases WHERE leases.name = 'sweep'
    UNION ALL
    SELECT 'sweep_lag_seconds', '', greatest(0, extract(epoch FROM a_now - last_success_at))
      FROM leases WHERE leases.name = 'sweep' AND last_success_at IS NOT NULL
$$;

-- {"now", "runs"} → {"totals": [{"name", "labels", "value"}], "gauges": likewise, "histograms": [{"name", "labels",
-- "run_id", "buckets": [[le | null, count]], "sum"}]}; those of a run only for as many of the newest runs.
CREATE OR REPLACE FUNCTION metrics_read(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (WITH newest AS MATERIALIZED (
        SELECT run_id FROM runs ORDER BY created_at DESC, run_id DESC LIMIT (request->>'runs')::integer
    ), histograms AS (
        SELECT name, labels, run_id, sum(sum) AS sum,
               jsonb_agg(jsonb_build_array(nullif(le, 'Infinity'), count) ORDER BY le) AS buckets
          FROM metric_histograms WHERE run_id = '' OR run_id IN (SELECT run_id FROM newest) GROUP BY name, labels, run_id
    )
    SELECT jsonb_build_object(
        'totals', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'labels', labels, 'value', value)
                       ORDER BY name, labels), '[]') FROM metric_totals),
        'gauges', (SELECT jsonb_agg(jsonb_build_object('name', name, 'labels', labels, 'value', value)
                       ORDER BY name, labels) FROM metrics_gauges((request->>'now')::timestamptz)),
        'histograms', (SELECT coalesce(jsonb_agg(to_jsonb(histograms) ORDER BY name, labels, run_id), '[]') FROM histograms)));
END $$;
