-- Takes bytes from a budget of 64 KB a minute: false, and nothing is taken, where they do not fit. With three providers of jobs
-- there are twelve budgets, so strangers make us keep 768 KB a minute at most, all senders, routes and sizes together:
--   refused          all that is refused
--   <provider>       what names no open job, by sender
--   job 0 … job 7    what names an open job, by its id: garbage leaves this part alone
-- A budget that is used up is only looked at: a flood waits for no lock and writes nothing.
CREATE OR REPLACE FUNCTION strangers_take(budget text, bytes integer, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    span interval := interval '1 minute';
    bytes_max integer := 65536;
BEGIN
    IF bytes > bytes_max OR EXISTS (
        SELECT FROM rate_limits WHERE name = 'strangers' AND caller = budget
           AND window_start + span > a_now AND count + bytes > bytes_max) THEN
        RETURN false;
    END IF;
    INSERT INTO rate_limits AS held (name, caller, window_start, count) VALUES ('strangers', budget, a_now, bytes)
    ON CONFLICT (name, caller) DO UPDATE SET
        count = CASE WHEN held.window_start + span <= a_now THEN excluded.count ELSE held.count + excluded.count END,
        window_start = CASE WHEN held.window_start + span <= a_now THEN a_now ELSE held.window_start END
     WHERE held.window_start + span <= a_now OR held.count + excluded.count <= bytes_max;
    RETURN FOUND;
END $$;
