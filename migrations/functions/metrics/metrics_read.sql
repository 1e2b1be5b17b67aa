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
