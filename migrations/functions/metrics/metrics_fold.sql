-- {"limit", "bounds": {histogram: [bound]}, "job_bounds", "runs", "series": [{"series", "name", "labels"}]} → {"acted"}:
-- observations become totals, and what is drawn over time; of histograms by run, those of the newest runs stay, and of what is drawn
-- the last hour's minutes and the last day's hours.
CREATE OR REPLACE FUNCTION metrics_fold(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    acted integer;
BEGIN
    WITH families AS MATERIALIZED (
        SELECT key AS name, ARRAY(SELECT bound::double precision FROM jsonb_array_elements_text(value) AS bound) AS bounds
          FROM (SELECT key, value FROM jsonb_each(request->'bounds')
                UNION ALL
                SELECT job_seconds, request->'job_bounds' FROM provider_states WHERE job_seconds IS NOT NULL) AS histogram
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
    ), drawn AS (
        INSERT INTO metric_series AS held (minutes, at, name, provider, count, sum)
        SELECT minutes, begin, series, provider, count(*), sum(value)
          FROM (SELECT series, value, coalesce(substring(taken.labels FROM 'provider="([^"]*)"'), '') AS provider
                  FROM taken JOIN jsonb_to_recordset(request->'series') AS wanted (series text, name text, labels text)
                       ON taken.name = wanted.name AND taken.labels LIKE wanted.labels) AS each,
               (VALUES (1, date_trunc('minute', now())), (60, date_trunc('hour', now()))) AS span (minutes, begin)
         GROUP BY minutes, begin, series, provider ORDER BY minutes, begin, series, provider
        ON CONFLICT (minutes, at, name, provider) DO UPDATE SET count = held.count + excluded.count, sum = held.sum + excluded.sum
    )
    SELECT count(*) INTO acted FROM taken;
    IF acted < (request->>'limit')::integer THEN
        DELETE FROM metric_histograms WHERE run_id <> '' AND run_id NOT IN (
            SELECT run_id FROM runs ORDER BY created_at DESC, run_id DESC LIMIT (request->>'runs')::integer);
        DELETE FROM metric_series WHERE minutes = 1 AND at <= now() - interval '60 minutes';
        DELETE FROM metric_series WHERE minutes = 60 AND at <= now() - interval '24 hours';
    END IF;
    RETURN jsonb_build_object('acted', acted);
END $$;
