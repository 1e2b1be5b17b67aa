-- What effects met at their providers: how long each took, and the breakers that opened or closed for it.
CREATE OR REPLACE FUNCTION contacts_observe(observed jsonb, breakers jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'provider_request_seconds', format('provider="%s",kind="%s"', row->>'provider', row->>'kind'),
           (row->>'seconds')::double precision
      FROM jsonb_array_elements(observed) AS row WHERE (row->>'asked')::boolean
    UNION ALL
    SELECT 'circuit_state_changes_total', format('component="%s",state="%s"', row->>'provider', row->>'breaker'), 1
      FROM jsonb_array_elements(breakers) AS row;
    IF observed @> '[{"used": {}}]' THEN
        PERFORM personas_observe(observed);
    END IF;
END $$;
