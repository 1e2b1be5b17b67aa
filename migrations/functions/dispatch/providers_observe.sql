-- What a commit's effects met: [{"effect_id", "provider", "kind", "lane", "contact", "asked", "is_failure", "hold_seconds"?,
-- "retry_seconds_max"}] → the breakers that opened or closed: [{"provider", "breaker", "retry_seconds"}]. Writes no state of a provider that is well and stays so.
CREATE OR REPLACE FUNCTION providers_observe(observed jsonb, a_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    before provider_states;
    after provider_states;
    seen jsonb;
    changed jsonb := '[]';
BEGIN
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'effect_attempts_total', format('provider="%s",kind="%s",outcome="%s"', row->>'provider', row->>'kind',
                                           row->>'contact'), count(*)
      FROM jsonb_array_elements(observed) AS row WHERE (row->>'asked')::boolean
     GROUP BY row->>'provider', row->>'kind', row->>'contact';
    -- In the order of their names, so that two commits cannot deadlock.
    FOR before IN SELECT * FROM provider_states AS states
        WHERE EXISTS (SELECT FROM jsonb_array_elements(observed) AS row WHERE row->>'provider' = states.provider
              AND (retry_at IS NOT NULL OR failures > 0 OR (row->>'is_failure')::boolean OR row ? 'hold_seconds'))
        ORDER BY provider FOR NO KEY UPDATE LOOP
        after := before;
        FOR seen IN SELECT value FROM jsonb_array_elements(observed) WITH ORDINALITY
                     WHERE value->>'provider' = before.provider ORDER BY ordinality LOOP
            after := provider_after(after, seen, a_now);
        END LOOP;
        IF after IS DISTINCT FROM before THEN
            UPDATE provider_states SET start_held_until = after.start_held_until, look_held_until = after.look_held_until,
                   failures = after.failures, openings = after.openings,
                   retry_at = after.retry_at, probe_effect_id = after.probe_effect_id
             WHERE provider = before.provider RETURNING provider_states.breaker INTO after.breaker;
        END IF;
        IF after.openings > before.openings OR (after.retry_at IS NULL AND before.retry_at IS NOT NULL) THEN
            changed := changed || jsonb_build_object('provider', before.provider, 'breaker', after.breaker,
                'retry_seconds', extract(epoch FROM after.retry_at - a_now));
        END IF;
    END LOOP;
    RETURN changed;
END $$;
