-- The dispatcher's claim, and what it learns about providers. Claiming a submission is what says "it may have gone out":
-- sent_at is committed before the request leaves, and stays until its outcome is known.
--
-- Claimers of one provider take turns at its row of provider_states: what they count stays true until they have claimed.
-- A claim holds nothing else while it waits for that row, and steps over locked effects, so it cannot deadlock.

-- The starts that still count, ascending. One far in the future came from a wrong clock and blocks nobody.
CREATE OR REPLACE FUNCTION starts_recent(starts timestamptz[], span interval, a_now timestamptz) RETURNS timestamptz[]
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN ARRAY(SELECT start FROM unnest(starts) AS start
                  WHERE start > a_now - span AND start < a_now + span ORDER BY start);
END $$;

-- The lanes of these providers that have due work, and how much each may take now. `share` bounds both lanes of a
-- provider together; a `probe` is the one effect that may try a provider whose breaker is open; with `in_outage`, one
-- more failure opens it. `start_at` is when a start of now begins: a clock that lags behind another instance's starts at
-- the newest start, so that the order stays and no window is overfilled. `open_at` says when a lane that may take nothing
-- opens by time.
CREATE OR REPLACE FUNCTION lanes_due(providers text[], a_now timestamptz) RETURNS TABLE
    (provider text, lane text, quota bigint, share bigint, probe boolean, in_outage boolean, start_at timestamptz,
     open_at timestamptz)
LANGUAGE sql STABLE AS $$
    WITH counted AS (
        SELECT states.*, make_interval(secs => window_seconds) AS span,
               -- Counted no further than the limit.
               CASE WHEN in_flight_max IS NOT NULL THEN in_flight_max - (SELECT count(*) FROM (
                    SELECT FROM outbox WHERE outbox.state = 'leased' AND outbox.provider = states.provider
                     LIMIT in_flight_max) AS leased) END AS flights_left,
               CASE WHEN open_jobs_max IS NOT NULL THEN open_jobs_max - (SELECT count(*) FROM (
                    SELECT FROM outbox WHERE outbox.state IN ('due', 'leased') AND outbox.lane = 'look'
                       AND outbox.provider = states.provider LIMIT open_jobs_max) AS looks) END AS jobs_left
          FROM provider_states AS states WHERE states.provider = ANY (providers)
    ), limited AS (
        SELECT counted.*, lane.lane, recent.starts AS recent,
               -- When the starts_max-th newest start leaves the window.
               recent.starts[cardinality(recent.starts) - starts_max + 1] + span AS window_full_until,
               greatest(retry_at, CASE lane.lane WHEN 'start' THEN start_held_until ELSE look_held_until END) AS shut_until
          FROM counted CROSS JOIN unnest(ARRAY['look', 'start']) AS lane (lane)
               CROSS JOIN LATERAL (SELECT starts_recent(counted.starts, span, a_now) AS starts) AS recent
         WHERE EXISTS (SELECT FROM outbox WHERE outbox.state = 'due' AND outbox.provider = counted.provider
                          AND outbox.lane = lane.lane AND outbox.due_at <= a_now)
    )
    -- least() and greatest() leave NULLs, the absent limits, out.
    SELECT provider, lane,
           CASE WHEN shut_until > a_now THEN 0
                WHEN lane = 'start' THEN greatest(0, least(1000, flights_left, jobs_left, starts_max - cardinality(recent)))
                ELSE greatest(0, least(1000, flights_left)) END,
           least(1000, flights_left, CASE WHEN breaker <> 'closed' THEN 1 END),
           breaker <> 'closed', breaker <> 'closed' OR failures + 1 >= breaker_failures,
           greatest(a_now, recent[cardinality(recent)]),
           nullif(greatest(shut_until, CASE lane WHEN 'start' THEN window_full_until END), '-infinity')
      FROM limited
$$;

-- {"now", "limit", "lease_seconds", "tells"?} → {"effects": [...], "runs": {run_id: state}, "wait_seconds"}. Who `tells` knows
-- the kinds notify, trace and report; a dispatcher of a release before, which could read no claim that has one, gets none.
-- Lanes take turns, so that none starves behind another. `wait_seconds` says when a lane that a limit holds back opens, if time opens it.
CREATE OR REPLACE FUNCTION effects_lease(request jsonb) RETURNS json
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    page integer := (request->>'limit')::integer;
    a_lease_until timestamptz := a_now + make_interval(secs => (request->>'lease_seconds')::integer);
    providers text[];
    lanes jsonb;
    claimed json;
    run_ids text[];
BEGIN
    -- From here on a new effect needs a new kick.
    UPDATE leases SET held_until = a_now WHERE name = 'kick' AND held_until > a_now;
    SELECT array_agg(provider) INTO providers FROM provider_states
     WHERE (request ? 'tells' OR provider NOT IN ('telegram', 'slack', 'otlp', 'sentry'))
       AND (EXISTS (SELECT FROM outbox WHERE outbox.state = 'due' AND outbox.provider = provider_states.provider
                       AND outbox.lane = 'look' AND outbox.due_at <= a_now)
            OR EXISTS (SELECT FROM outbox WHERE outbox.state = 'due' AND outbox.provider = provider_states.provider
                          AND outbox.lane = 'start' AND outbox.due_at <= a_now));
    IF providers IS NULL THEN
        RETURN '{"effects": [], "runs": {}}'::json;
    END IF;
    PERFORM FROM provider_states WHERE provider = ANY (providers) ORDER BY provider FOR NO KEY UPDATE;
    SELECT jsonb_agg(to_jsonb(row)) INTO lanes FROM lanes_due(providers, a_now) AS row;

    WITH lane AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(lanes) AS row (provider text, lane text, quota bigint, share bigint,
                                                        probe boolean, in_outage boolean, start_at timestamptz)
    ), candidates AS (
        SELECT lane.*, effect.*, row_number() OVER (PARTITION BY provider, lane ORDER BY due_at, effect_id) AS place
          FROM lane CROSS JOIN LATERAL (
               SELECT effect_id, due_at FROM outbox
                WHERE outbox.state = 'due' AND outbox.provider = lane.provider AND outbox.lane = lane.lane
                  AND outbox.due_at <= a_now
                ORDER BY due_at, effect_id LIMIT least(lane.quota, page)) AS effect
    ), turns AS (
        -- A look costs nothing and frees what it ends, so it goes first.
        SELECT *, row_number() OVER (PARTITION BY provider ORDER BY place, lane) AS turn FROM candidates
    ), chosen AS (
        SELECT * FROM turns WHERE turn <= share ORDER BY place, due_at, effect_id LIMIT page
    ), picked AS (
        SELECT outbox.effect_id, sent_at AS sent_before, chosen.provider, chosen.lane, probe, in_outage, start_at
          FROM outbox JOIN chosen USING (effect_id) WHERE outbox.state = 'due' FOR UPDATE OF outbox SKIP LOCKED
    ), leased AS (
        UPDATE outbox SET state = 'leased', attempt = attempt + 1, fence = fence + 1, poked = false,
               lease_until = a_lease_until,
               sent_at = CASE WHEN kind = 'submit' THEN coalesce(sent_at, start_at) END, updated_at = a_now
          FROM picked WHERE outbox.effect_id = picked.effect_id
        RETURNING outbox.*, picked.sent_before, picked.lane AS claimed_lane, picked.probe, picked.in_outage
    ), counted AS (
        UPDATE provider_states AS held SET
               starts = CASE WHEN begun = 0 OR starts_max IS NULL THEN starts ELSE
                        starts_recent(starts, make_interval(secs => window_seconds), a_now)
                        || array_fill(taken.start_at, ARRAY[begun::integer]) END,
               breaker = CASE WHEN probing IS NULL THEN breaker ELSE 'half_open' END,
               retry_at = CASE WHEN probing IS NULL THEN retry_at ELSE a_lease_until END,
               probe_effect_id = coalesce(probing, probe_effect_id)
          FROM (SELECT provider, count(*) FILTER (WHERE lane = 'start') AS begun, max(start_at) AS start_at,
                       max(effect_id) FILTER (WHERE probe) AS probing FROM picked GROUP BY provider) AS taken
         WHERE held.provider = taken.provider AND (probing IS NOT NULL OR (begun > 0 AND starts_max IS NOT NULL))
    )
    SELECT json_agg(json_build_object('effect_id', leased.effect_id, 'fence', fence, 'kind', leased.kind,
               'provider', leased.provider, 'lane', claimed_lane, 'run_id', leased.run_id, 'job_id', leased.job_id,
               'payload', payload, 'attempt', attempt, 'sent_before', sent_before, 'probe', probe,
               'in_outage', in_outage, 'hint', jobs.hint) ORDER BY leased.due_at, leased.effect_id),
           array_agg(leased.run_id) INTO claimed, run_ids FROM leased LEFT JOIN jobs USING (job_id);
    RETURN json_build_object('effects', coalesce(claimed, '[]'), 'runs', (
        SELECT coalesce(json_object_agg(run_id, state), '{}') FROM runs WHERE run_id = ANY (run_ids)),
        'wait_seconds', (SELECT extract(epoch FROM min(open_at) - a_now)
                           FROM jsonb_to_recordset(lanes) AS row (quota bigint, open_at timestamptz)
                          WHERE quota = 0 AND open_at > a_now));
END $$;

-- What a dispatcher of the release before calls.
CREATE OR REPLACE FUNCTION effects_claim(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    RETURN effects_lease(request)::jsonb;
END $$;

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

-- What a commit's effects met: [{"effect_id", "provider", "kind", "lane", "contact", "hold_seconds"?}] → the breakers that opened or
-- closed: [{"provider", "breaker", "retry_seconds"}]. Writes no state of a provider that is well and stays so.
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
      FROM jsonb_array_elements(observed) AS row WHERE row->>'contact' <> 'none'
     GROUP BY row->>'provider', row->>'kind', row->>'contact';
    -- In the order of their names, so that two commits cannot deadlock.
    FOR before IN SELECT * FROM provider_states AS states
        WHERE EXISTS (SELECT FROM jsonb_array_elements(observed) AS row WHERE row->>'provider' = states.provider
              AND (breaker <> 'closed' OR failures > 0 OR row->>'contact' = 'failed' OR row ? 'hold_seconds'))
        ORDER BY provider FOR NO KEY UPDATE LOOP
        after := before;
        FOR seen IN SELECT value FROM jsonb_array_elements(observed) WITH ORDINALITY
                     WHERE value->>'provider' = before.provider ORDER BY ordinality LOOP
            after := provider_after(after, seen, a_now);
        END LOOP;
        IF after IS DISTINCT FROM before THEN
            UPDATE provider_states SET start_held_until = after.start_held_until, look_held_until = after.look_held_until,
                   breaker = after.breaker, failures = after.failures, openings = after.openings,
                   retry_at = after.retry_at, probe_effect_id = after.probe_effect_id
             WHERE provider = before.provider;
        END IF;
        IF (after.breaker = 'open' AND after.openings > before.openings)
           OR (after.breaker = 'closed' AND before.breaker <> 'closed') THEN
            changed := changed || jsonb_build_object('provider', before.provider, 'breaker', after.breaker,
                'retry_seconds', extract(epoch FROM after.retry_at - a_now));
        END IF;
    END LOOP;
    RETURN changed;
END $$;
