-- {"now", "key_hash"} or {"channel", "identity"} → {"principal"}.
CREATE OR REPLACE FUNCTION principal_find(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('principal', coalesce(
        principal_of_key(request->>'key_hash', (request->>'now')::timestamptz),
        principal_of_identity(request->>'channel', request->>'identity')))
$$;
