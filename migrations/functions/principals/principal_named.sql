-- What is known of a name that a signed link gives: {"name", "role", "groups", "disabled"}, or null for a stranger's.
CREATE OR REPLACE FUNCTION principal_named(a_name text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('name', name, 'role', role, 'groups', groups, 'disabled', disabled_at IS NOT NULL)
              FROM principals WHERE name = a_name);
END $$;
