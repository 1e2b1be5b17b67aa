-- A provider's state after one contact: {"effect_id", "lane", "asked", "is_failure", "hold_seconds"?, "retry_seconds_max"}. Closed
-- (nothing is to be waited for), the breaker counts failures in a row; half open, only its probe's result counts; open, nobody's,
-- since whoever is still under way started before.
CREATE OR REPLACE FUNCTION provider_after(state provider_states, seen jsonb, a_now timestamptz) RETURNS provider_states
LANGUAGE plpgsql AS $$
DECLARE
    asked boolean := (seen->>'asked')::boolean;
    failed boolean := (seen->>'is_failure')::boolean;
    is_probe boolean := coalesce(state.probe_effect_id = (seen->>'effect_id')::bigint, false);
    held_until timestamptz := a_now + make_interval(secs => (seen->>'hold_seconds')::double precision);
BEGIN
    IF seen->>'lane' = 'start' THEN
        state.start_held_until := greatest(state.start_held_until, held_until);
    ELSE
        state.look_held_until := greatest(state.look_held_until, held_until);
    END IF;
    IF state.retry_at IS NULL AND asked THEN
        state.failures := CASE WHEN failed THEN state.failures + 1 ELSE 0 END;
    END IF;
    IF (state.retry_at IS NULL AND state.failures >= state.breaker_failures) OR (is_probe AND failed) THEN
        state.retry_at := a_now + make_interval(secs => least(state.breaker_seconds * 2 ^ least(state.openings, 20),
                                                              (seen->>'retry_seconds_max')::double precision));
        state.openings := state.openings + 1;
        state.probe_effect_id := NULL;
    ELSIF is_probe THEN
        state.probe_effect_id := NULL;
        -- A probe that had nothing to ask: the next one may go at once.
        state.retry_at := CASE WHEN NOT asked THEN a_now END;
        state.failures := CASE WHEN asked THEN 0 ELSE state.failures END;
        state.openings := CASE WHEN asked THEN 0 ELSE state.openings END;
    END IF;
    RETURN state;
END $$;
