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
           least(1000, flights_left, CASE WHEN retry_at IS NOT NULL THEN 1 END),
           retry_at IS NOT NULL, retry_at IS NOT NULL OR failures + 1 >= breaker_failures,
           greatest(a_now, recent[cardinality(recent)]),
           nullif(greatest(shut_until, CASE lane WHEN 'start' THEN window_full_until END), '-infinity')
      FROM limited
$$;
