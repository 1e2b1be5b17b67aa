-- {"now", "fence", "report", "seconds"?, "le"?} → {"recorded"}: gives the lease back, and counts what was done and how long
-- it took, in the totals at once: an observation would be work for the next sweep, for ever. An older holder records nothing.
CREATE OR REPLACE FUNCTION sweep_finish(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE leases SET held_until = 'epoch', last_success_at = (request->>'now')::timestamptz,
           last_report = request->'report'
     WHERE name = 'sweep' AND fence = (request->>'fence')::bigint;
    IF NOT FOUND THEN
        RETURN '{"recorded": false}';
    END IF;
    INSERT INTO metric_totals AS held (name, labels, value)
    SELECT 'sweep_actions_total', format('reconciler="%s"', key), value::double precision
      FROM jsonb_each(request->'report') WHERE jsonb_typeof(value) = 'number' AND value <> '0' ORDER BY key
    ON CONFLICT (name, labels) DO UPDATE SET value = held.value + excluded.value;
    INSERT INTO metric_histograms AS held (name, labels, le, count, sum)
    SELECT 'sweep_seconds', '', coalesce((request->>'le')::double precision, 'Infinity'), 1,
           (request->>'seconds')::double precision WHERE request ? 'seconds'
    ON CONFLICT (name, labels, run_id, le) DO UPDATE SET count = held.count + 1, sum = held.sum + excluded.sum;
    RETURN '{"recorded": true}';
END $$;
