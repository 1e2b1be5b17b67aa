-- Gives a principal its ids in channels, {channel: id}: those and no others.
CREATE OR REPLACE FUNCTION principal_identify(a_name text, identities jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM principal_identities WHERE name = a_name;
    INSERT INTO principal_identities (channel, identity, name)
    SELECT key, value, a_name FROM jsonb_each_text(identities) WHERE value IS NOT NULL;
END $$;
