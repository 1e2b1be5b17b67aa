-- {"definition", "digest"} → {"result": "added" | "unchanged" | "current" | "conflict"}. A stored version never
-- changes; a conflict means that the file changed and its version did not.
CREATE OR REPLACE FUNCTION project_apply(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_key text := request->'definition'->>'key';
    a_version text := request->'definition'->>'version';
    stored text;
    result text := 'added';
BEGIN
    INSERT INTO project_versions (key, version, digest, definition)
    VALUES (a_key, a_version, request->>'digest', request->'definition') ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT digest INTO stored FROM project_versions WHERE key = a_key AND version = a_version;
        IF stored <> request->>'digest' THEN
            RETURN jsonb_build_object('result', 'conflict');
        END IF;
        result := CASE WHEN EXISTS (SELECT FROM projects WHERE key = a_key AND version = a_version)
                       THEN 'unchanged' ELSE 'current' END;
    END IF;
    INSERT INTO projects (key, version) VALUES (a_key, a_version)
    ON CONFLICT (key) DO UPDATE SET version = excluded.version, updated_at = now()
     WHERE projects.version <> excluded.version;
    RETURN jsonb_build_object('result', result);
END $$;
