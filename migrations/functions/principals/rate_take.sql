-- Takes one from a limit: {"name", "caller", "limit", "window_seconds"} → what is left.
CREATE OR REPLACE FUNCTION rate_take(a_limit jsonb, a_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    span interval := make_interval(secs => (a_limit->>'window_seconds')::integer);
    allowed integer := (a_limit->>'limit')::integer;
    taken record;
BEGIN
    IF a_limit IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO rate_limits AS held (name, caller, window_start, count)
    VALUES (a_limit->>'name', a_limit->>'caller', a_now, 1)
    ON CONFLICT (name, caller) DO UPDATE SET
        count = CASE WHEN held.window_start + span <= a_now THEN 1 ELSE held.count + 1 END,
        window_start = CASE WHEN held.window_start + span <= a_now THEN a_now ELSE held.window_start END
    RETURNING held.count, held.window_start INTO taken;
    IF taken.count > allowed THEN
        INSERT INTO metric_observations (name, labels, value)
        VALUES ('api_rate_limited_requests_total', format('name="%s"', a_limit->>'name'), 1);
    END IF;
    RETURN jsonb_build_object('allowed', taken.count <= allowed, 'limit', allowed,
        'remaining', greatest(allowed - taken.count, 0),
        'reset_seconds', greatest(1, ceil(extract(epoch FROM taken.window_start + span - a_now))::integer));
END $$;
