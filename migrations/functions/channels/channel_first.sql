-- The first address of whoever is at an address now: a conversation goes on under it.
CREATE OR REPLACE FUNCTION channel_first(a_kind text, an_address text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((SELECT first_address FROM channel_moves WHERE kind = a_kind AND to_address = an_address LIMIT 1), an_address);
END $$;
