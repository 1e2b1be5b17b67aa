-- What a receipt takes of a budget: its row with the index entries, as they are on the disk, and what varies. A long body lies
-- in chunks of its own, which have indexes and gaps, too.
CREATE OR REPLACE FUNCTION receipt_bytes(headers jsonb, query text, body bytea) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT 768 + pg_column_size(headers) + octet_length(query) + octet_length(body) * 5 / 4
$$;
