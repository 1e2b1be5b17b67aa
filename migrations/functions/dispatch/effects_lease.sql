-- {"now", "limit", "lease_seconds"} → {"effects": [...], "runs": {run_id: state}, "wait_seconds"}: the dispatcher's claim. Claiming a
-- submission is what says "it may have gone out": sent_at is committed before the request leaves, and stays until its outcome is
-- known. A notice comes with its address as it is now, and with who reads there now, not when it was written. `wait_seconds` says
-- when a lane that a limit holds back opens, if time opens it. Nothing new is started for a run whose end somebody has asked for in SQL.
--
-- Lanes take turns, so that none starves behind another. Claimers of one provider take turns at its row of provider_states: what
-- they count stays true until they have claimed. A claim holds nothing else while it waits for that row, and steps over locked
-- effects, so it cannot deadlock.
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
     WHERE EXISTS (SELECT FROM outbox WHERE outbox.state = 'due' AND outbox.provider = provider_states.provider
                      AND outbox.lane = 'look' AND outbox.due_at <= a_now)
        OR EXISTS (SELECT FROM outbox WHERE outbox.state = 'due' AND outbox.provider = provider_states.provider
                      AND outbox.lane = 'start' AND outbox.due_at <= a_now);
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
          FROM outbox JOIN chosen USING (effect_id)
         WHERE outbox.state = 'due'
           AND (chosen.lane = 'look' OR NOT EXISTS (SELECT FROM runs WHERE runs.run_id = outbox.run_id AND end_requested_at IS NOT NULL
                                                        AND finished_at IS NULL))
           FOR UPDATE OF outbox SKIP LOCKED
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
               retry_at = CASE WHEN probing IS NULL THEN retry_at ELSE a_lease_until END,
               probe_effect_id = coalesce(probing, probe_effect_id)
          FROM (SELECT provider, count(*) FILTER (WHERE lane = 'start') AS begun, max(start_at) AS start_at,
                       max(effect_id) FILTER (WHERE probe) AS probing FROM picked GROUP BY provider) AS taken
         WHERE held.provider = taken.provider AND (probing IS NOT NULL OR (begun > 0 AND starts_max IS NOT NULL))
    )
    SELECT json_agg(json_build_object('effect_id', leased.effect_id, 'fence', fence, 'kind', leased.kind,
               'provider', leased.provider, 'lane', claimed_lane, 'run_id', leased.run_id, 'job_id', leased.job_id,
               'payload', CASE WHEN notice.address IS NULL THEN payload
                               ELSE jsonb_set(payload, '{address}', to_jsonb(notice.address)) END,
               'attempt', attempt, 'sent_before', sent_before, 'probe', probe, 'in_outage', in_outage, 'hint', provider_jobs.hint,
               'recipient', CASE WHEN notice.address IS NOT NULL
                                 THEN notice_recipient(leased.provider, notice.address, leased.run_id) END)
               ORDER BY leased.due_at, leased.effect_id),
           array_agg(leased.run_id) INTO claimed, run_ids
      FROM leased LEFT JOIN provider_jobs USING (job_id)
           LEFT JOIN LATERAL (SELECT channel_current(leased.provider, payload->>'address') AS address
                               WHERE leased.kind = 'notify') AS notice ON true;
    RETURN json_build_object('effects', coalesce(claimed, '[]'), 'runs', (
        SELECT coalesce(json_object_agg(run_id, state), '{}') FROM runs WHERE run_id = ANY (run_ids)),
        'wait_seconds', (SELECT extract(epoch FROM min(open_at) - a_now)
                           FROM jsonb_to_recordset(lanes) AS row (quota bigint, open_at timestamptz)
                          WHERE quota = 0 AND open_at > a_now));
END $$;
