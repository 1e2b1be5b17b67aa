-- Who is who, as 0020_principals.sql has it, for the requests that all ask: planned once for a connection's life, and not at each call.

CREATE OR REPLACE FUNCTION principal_of_key(a_key_hash text, a_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('name', name, 'role', role, 'groups', groups)
              FROM principal_keys JOIN principals USING (name)
             WHERE key_hash = decode(a_key_hash, 'hex') AND disabled_at IS NULL AND revoked_at IS NULL
               AND (expires_at IS NULL OR expires_at > a_now));
END $$;

CREATE OR REPLACE FUNCTION principal_of_identity(a_channel text, an_identity text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('name', name, 'role', role, 'groups', groups)
              FROM principal_identities JOIN principals USING (name)
             WHERE channel = a_channel AND identity = an_identity AND disabled_at IS NULL);
END $$;

CREATE OR REPLACE FUNCTION principal_named(a_name text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('name', name, 'role', role, 'groups', groups, 'disabled', disabled_at IS NOT NULL)
              FROM principals WHERE name = a_name);
END $$;
