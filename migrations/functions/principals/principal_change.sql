-- {"name", "role"?, "groups"?, "identities"?} → {"result": "done" | "unknown" | "identity_taken"}. What is not named stays.
CREATE OR REPLACE FUNCTION principal_change(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE principals SET role = coalesce(request->>'role', role), groups = CASE jsonb_typeof(request->'groups')
               WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(request->'groups')) ELSE groups END
     WHERE name = request->>'name';
    IF NOT FOUND THEN
        RETURN '{"result": "unknown"}';
    END IF;
    IF jsonb_typeof(request->'identities') = 'object' THEN
        PERFORM principal_identify(request->>'name', request->'identities');
    END IF;
    RETURN '{"result": "done"}';
EXCEPTION WHEN unique_violation THEN
    RETURN '{"result": "identity_taken"}';
END $$;
