-- Where whoever was at an address is now.
CREATE OR REPLACE FUNCTION channel_current(a_kind text, an_address text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((SELECT to_address FROM channel_moves WHERE kind = a_kind AND from_address = an_address), an_address);
END $$;
