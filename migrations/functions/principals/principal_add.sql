-- {"now", "name", "role", "groups", "identities": {channel: id}, "key_hash"} → {"result": "done" | "exists" |
-- "identity_taken"}: a principal with its first key.
CREATE OR REPLACE FUNCTION principal_add(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO principals (name, role, groups, created_at)
    VALUES (request->>'name', request->>'role', ARRAY(SELECT jsonb_array_elements_text(request->'groups')),
            (request->>'now')::timestamptz) ON CONFLICT (name) DO NOTHING;
    IF NOT FOUND THEN
        RETURN '{"result": "exists"}';
    END IF;
    PERFORM principal_identify(request->>'name', request->'identities');
    INSERT INTO principal_keys (key_hash, name, created_at)
    VALUES (decode(request->>'key_hash', 'hex'), request->>'name', (request->>'now')::timestamptz);
    RETURN '{"result": "done"}';
EXCEPTION WHEN unique_violation THEN
    -- The block is rolled back whole: no principal without its identity.
    RETURN '{"result": "identity_taken"}';
END $$;
