-- Takes what a new run makes, {"wanted", "per_day"}, from its project's budget of the UTC day, where it has one. NULL when there is
-- room, else {"result": "over_budget", "used", "limit"}. One statement per project's row, so
-- that starts at the same time never exceed it together; a clock that lags counts for the newest day.
CREATE OR REPLACE FUNCTION budget_take(a_project text, budget jsonb, a_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    allowed integer := (budget->>'per_day')::integer;
    a_day date := (a_now AT TIME ZONE 'UTC')::date;
    wanted integer := (budget->>'wanted')::integer;
BEGIN
    IF allowed IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO project_budgets AS held (project, day, clips) VALUES (a_project, a_day, 0)
    ON CONFLICT (project) DO UPDATE SET day = excluded.day, clips = 0 WHERE held.day < excluded.day;
    UPDATE project_budgets SET clips = clips + wanted WHERE project = a_project AND clips + wanted <= allowed;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_build_object('result', 'over_budget', 'limit', allowed,
                              'used', (SELECT clips FROM project_budgets WHERE project = a_project));
END $$;
