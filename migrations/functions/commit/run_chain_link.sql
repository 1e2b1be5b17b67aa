-- A step of the aggregate below: the state is null before the first event.
CREATE OR REPLACE FUNCTION run_chain_link(state bytea, previous bytea, body text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN run_event_hash(coalesce(state, previous), body);
END $$;

-- The links of several events, as a window: what the chain ended with before them, and their bodies in order.
CREATE OR REPLACE AGGREGATE run_chain(previous bytea, body text) (SFUNC = run_chain_link, STYPE = bytea);
