-- {"now", "name", "key_id"} → {"result": "done" | "unknown"}. Twice is harmless.
CREATE OR REPLACE FUNCTION principal_key_revoke(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE principal_keys SET revoked_at = coalesce(revoked_at, (request->>'now')::timestamptz)
     WHERE key_id = request->>'key_id' AND name = request->>'name';
    RETURN jsonb_build_object('result', CASE WHEN FOUND THEN 'done' ELSE 'unknown' END);
END $$;
