-- {"now", "name", "key_hash", "expire_old_after_hours"?} → {"result": "done" | "unknown" | "too_many"}: a new key beside
-- the old ones, which may be given an end. None lives longer by it.
CREATE OR REPLACE FUNCTION principal_key_add(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := (request->>'now')::timestamptz;
BEGIN
    PERFORM FROM principals WHERE name = request->>'name' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '{"result": "unknown"}';
    END IF;
    IF (SELECT count(*) >= 10 FROM principal_keys WHERE name = request->>'name' AND revoked_at IS NULL
           AND (expires_at IS NULL OR expires_at > at)) THEN
        RETURN '{"result": "too_many"}';
    END IF;
    -- A null number of hours makes a null moment, and least() passes over it.
    UPDATE principal_keys
       SET expires_at = least(expires_at, at + make_interval(hours => (request->>'expire_old_after_hours')::integer))
     WHERE name = request->>'name' AND revoked_at IS NULL;
    INSERT INTO principal_keys (key_hash, name, created_at) VALUES (decode(request->>'key_hash', 'hex'), request->>'name', at);
    RETURN '{"result": "done"}';
END $$;
