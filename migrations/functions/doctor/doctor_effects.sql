-- Effects: none lost, none left behind, none silently given up.
CREATE OR REPLACE FUNCTION doctor_effects(page text[], overdue timestamptz)
    RETURNS TABLE (invariant text, run_id text, detail text)
LANGUAGE sql STABLE AS $$
    SELECT 'effect_lost', x.run_id, format('%s is not in the outbox', x.key)
      FROM doctor_expected(page) AS x WHERE x.state IS NULL
    UNION ALL
    SELECT 'effect_dead', x.run_id, format('%s: %s', x.key, coalesce(x.last_error, 'given up'))
      FROM doctor_expected(page) AS x JOIN runs AS r USING (run_id) LEFT JOIN provider_jobs AS j ON j.job_id = x.job_id
     WHERE x.state = 'dead' AND (j.is_open OR (x.job_id IS NULL AND x.step = r.state->'body'->>'step'))
    UNION ALL
    SELECT 'effect_after_end', o.run_id, format('effect %s (%s) is %s, the run is %s', o.effect_id, o.key, o.state, r.status)
      FROM outbox AS o JOIN runs AS r USING (run_id)
     WHERE o.run_id = ANY (page) AND o.kind NOT IN ('notify', 'trace', 'report') AND o.is_live AND o.state IN ('due', 'leased', 'held')
       AND r.finished_at IS NOT NULL
    UNION ALL
    SELECT 'effect_abandoned', o.run_id, format('effect %s (%s), lease until %s', o.effect_id, o.key, o.lease_until)
      FROM outbox AS o WHERE o.run_id = ANY (page) AND o.is_live AND o.state = 'leased' AND o.lease_until < overdue
    UNION ALL
    SELECT 'effect_unclaimable', o.run_id, format('effect %s (%s) is of %s', o.effect_id, o.key, o.provider)
      FROM outbox AS o
     WHERE o.run_id = ANY (page) AND o.is_live AND o.state = 'due'
       AND NOT EXISTS (SELECT FROM provider_states WHERE provider_states.provider = o.provider)
$$;
