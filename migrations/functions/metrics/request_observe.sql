-- Entry point: {"seen": {"labels", "seconds"}, "run_id"?} → {"seen": true}: counts a request that has written nothing itself.
-- Its time is over: the statement adds none.
CREATE OR REPLACE FUNCTION request_observe(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metric_observations (name, labels, value, run_id)
    VALUES ('http_request_duration_seconds', request->'seen'->>'labels', (request->'seen'->>'seconds')::double precision,
            request->>'run_id');
    RETURN '{"seen": true}';
END $$;
