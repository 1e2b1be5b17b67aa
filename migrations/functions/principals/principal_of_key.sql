-- Whose key it is: {"name", "role", "groups"}, or null for one that is unknown, revoked, expired or of somebody disabled.
CREATE OR REPLACE FUNCTION principal_of_key(a_key_hash text, a_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('name', name, 'role', role, 'groups', groups)
              FROM principal_keys JOIN principals USING (name)
             WHERE key_hash = decode(a_key_hash, 'hex') AND disabled_at IS NULL AND revoked_at IS NULL
               AND (expires_at IS NULL OR expires_at > a_now));
END $$;
