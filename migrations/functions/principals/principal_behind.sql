-- What is known of whoever has this id in a channel: {"name", "role", "groups", "disabled"}, or null for a stranger.
CREATE OR REPLACE FUNCTION principal_behind(a_channel text, an_identity text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT principal_named(name) FROM principal_identities WHERE channel = a_channel AND identity = an_identity);
END $$;
