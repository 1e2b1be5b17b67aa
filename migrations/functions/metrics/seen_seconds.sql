-- How long a request has taken by now: {"seconds"} when its statement was sent, and the statement until here.
CREATE OR REPLACE FUNCTION seen_seconds(seen jsonb) RETURNS double precision
LANGUAGE sql VOLATILE AS $$
    SELECT (seen->>'seconds')::double precision + extract(epoch FROM clock_timestamp() - statement_timestamp())
$$;
