-- Counts a request: {"labels", "seconds"}.
CREATE OR REPLACE FUNCTION request_seen(seen jsonb, a_run_id text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metric_observations (name, labels, value, run_id)
    VALUES ('http_request_duration_seconds', seen->>'labels', seen_seconds(seen), a_run_id);
END $$;
