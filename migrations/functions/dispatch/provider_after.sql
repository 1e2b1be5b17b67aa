-- A provider's state after one contact: {"effect_id", "lane", "contact", "hold_seconds"?}. Closed, the breaker counts failures in a
-- row; half open, only its probe's word counts; open, nobody's, since whoever is still under way started before.
CREATE OR REPLACE FUNCTION provider_after(state provider_states, seen jsonb, a_now timestamptz) RETURNS provider_states
LANGUAGE plpgsql AS $$
DECLARE
    failed boolean := seen->>'contact' = 'failed';
    held_until timestamptz := a_now + make_interval(secs => (seen->>'hold_seconds')::double precision);
BEGIN
    IF seen->>'lane' = 'start' THEN
        state.start_held_until := greatest(state.start_held_until, held_until);
    ELSE
        state.look_held_until := greatest(state.look_held_until, held_until);
    END IF;
    IF state.breaker = 'closed' AND seen->>'contact' <> 'none' THEN
        state.failures := CASE WHEN failed THEN state.failures + 1 ELSE 0 END;
    END IF;
    IF (state.breaker = 'closed' AND state.failures >= state.breaker_failures)
       OR (state.breaker = 'half_open' AND state.probe_effect_id = (seen->>'effect_id')::bigint AND failed) THEN
        state.breaker := 'open';
        state.retry_at := a_now + make_interval(secs => least(state.breaker_seconds * 2 ^ least(state.openings, 20), 600));
        state.openings := state.openings + 1;
        state.probe_effect_id := NULL;
    ELSIF state.breaker = 'half_open' AND state.probe_effect_id = (seen->>'effect_id')::bigint THEN
        state.probe_effect_id := NULL;
        IF seen->>'contact' = 'none' THEN
            -- The probe had nothing to ask: the next one may go at once.
            state.breaker := 'open';
            state.retry_at := a_now;
        ELSE
            state.breaker := 'closed';
            state.retry_at := NULL;
            state.failures := 0;
            state.openings := 0;
        END IF;
    END IF;
    RETURN state;
END $$;
