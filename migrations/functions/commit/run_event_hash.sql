-- The next link of a run's hash chain.
CREATE OR REPLACE FUNCTION run_event_hash(previous bytea, body text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN sha256(previous || convert_to(body, 'UTF8'));
END $$;
