-- {"now", "rate"?, "filter": {"limit", conditions…}} → {"limit", "runs": [{"run_id", "created_at", "run"}], "more"}: the states of a
-- list of runs, for a verb in bulk; takes one from a rate.
CREATE OR REPLACE FUNCTION run_states(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    page integer := (request->'filter'->>'limit')::integer;
    taken jsonb := rate_take(nullif(request->'rate', 'null'), (request->>'now')::timestamptz);
    rows jsonb := '[]';
BEGIN
    IF coalesce((taken->>'allowed')::boolean, true) THEN
        EXECUTE 'SELECT coalesce(jsonb_agg(jsonb_build_object(''run_id'', run_id, ''created_at'', created_at,
                    ''run'', state) ORDER BY created_at DESC, run_id DESC), ''[]'')
                   FROM (SELECT * FROM runs WHERE ' || run_conditions(request->'filter') || '
                          ORDER BY created_at DESC, run_id DESC LIMIT $2) AS page'
           INTO rows USING request->'filter', page + 1;
    END IF;
    RETURN jsonb_build_object('limit', taken, 'more', jsonb_array_length(rows) > page,
        'runs', CASE WHEN jsonb_array_length(rows) > page THEN rows - page ELSE rows END);
END $$;
