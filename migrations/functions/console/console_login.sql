-- {"now", "key_hash", "limit"} → {"limit", "principal"}: who holds a key; takes one from a limit.
CREATE OR REPLACE FUNCTION console_login(request jsonb) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'limit', rate_take(nullif(request->'limit', 'null'), (request->>'now')::timestamptz),
        'principal', principal_of_key(request->>'key_hash', (request->>'now')::timestamptz))
$$;
