-- {"after"?, "limit"} → {"principals": [...], "more"}, by name, each with its identities and its newest 20 keys.
CREATE OR REPLACE FUNCTION principal_list(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('more', count(*) > (request->>'limit')::integer, 'principals', coalesce(jsonb_agg(
        jsonb_build_object('name', name, 'role', role, 'groups', groups, 'createdAt', created_at,
            'disabledAt', disabled_at,
            'identities', (SELECT coalesce(jsonb_object_agg(channel, identity), '{}')
                             FROM principal_identities AS known WHERE known.name = page.name),
            'keys', (SELECT coalesce(jsonb_agg(jsonb_build_object('keyId', key_id, 'createdAt', created_at,
                            'expiresAt', expires_at, 'revokedAt', revoked_at) ORDER BY created_at DESC, key_id), '[]')
                       FROM (SELECT * FROM principal_keys WHERE principal_keys.name = page.name
                              ORDER BY created_at DESC LIMIT 20) AS newest))
        ORDER BY name) FILTER (WHERE place <= (request->>'limit')::integer), '[]'))
      FROM (SELECT *, row_number() OVER (ORDER BY name) AS place FROM principals
             WHERE name > coalesce(request->>'after', '') ORDER BY name LIMIT (request->>'limit')::integer + 1) AS page
$$;
