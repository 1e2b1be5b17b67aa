-- Whom a channel's id stands for; null for nobody and for somebody disabled.
CREATE OR REPLACE FUNCTION principal_of_identity(a_channel text, an_identity text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('name', name, 'role', role, 'groups', groups)
              FROM principal_identities JOIN principals USING (name)
             WHERE channel = a_channel AND identity = an_identity AND disabled_at IS NULL);
END $$;
