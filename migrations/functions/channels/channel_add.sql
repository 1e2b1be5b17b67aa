-- {"now", "kind", "address", "project"} → {"result": "added" | "known" | "unknown_project" | "full", "channel"?}. As many
-- as a commit can tell in one statement.
CREATE OR REPLACE FUNCTION channel_add(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    added channels;
    outcome text := 'added';
BEGIN
    IF request->>'project' IS NOT NULL AND NOT EXISTS (SELECT FROM projects WHERE key = request->>'project') THEN
        RETURN '{"result": "unknown_project"}';
    END IF;
    IF (SELECT count(*) >= 200 FROM channels) THEN
        RETURN '{"result": "full"}';
    END IF;
    INSERT INTO channels (kind, address, project, created_at)
    VALUES (request->>'kind', request->>'address', request->>'project', (request->>'now')::timestamptz)
    ON CONFLICT (kind, address, project) DO NOTHING RETURNING * INTO added;
    IF NOT FOUND THEN
        outcome := 'known';
        SELECT * INTO added FROM channels WHERE kind = request->>'kind' AND address = request->>'address'
           AND project IS NOT DISTINCT FROM request->>'project';
    END IF;
    RETURN jsonb_build_object('result', outcome, 'channel', channel_view(added));
END $$;
