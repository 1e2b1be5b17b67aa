-- Entry point, and the second call of a statement that writes: {"labels", "seconds", "run_id"?, "unless"?} → whether the request
-- was recorded. Beside another call it gets what that one answered: it records nothing where the JSON path "unless" fits that, since
-- the request is answered otherwise then; the run may be the answer's; and the statement's own time is added. Alone it comes after
-- the answer, and adds nothing.
CREATE OR REPLACE FUNCTION request_observe(observation jsonb, beside jsonb DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_path_match(beside, (observation->>'unless')::jsonpath) THEN
        RETURN false;
    END IF;
    INSERT INTO metric_observations (name, labels, value, run_id)
    VALUES ('http_request_duration_seconds', observation->>'labels',
            (observation->>'seconds')::double precision
                + CASE WHEN beside IS NULL THEN 0 ELSE extract(epoch FROM clock_timestamp() - statement_timestamp()) END,
            coalesce(observation->>'run_id', beside->>'run_id'));
    RETURN true;
END $$;
