-- {"now", "provider", "account_id", "project"} → {"result": "added" | "unchanged" | "unknown_project"}: the account is
-- the project's primary one.
CREATE OR REPLACE FUNCTION social_seed(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    a_project text := request->>'project';
    social uuid;
BEGIN
    -- Two seeds at once: the second sees what the first did.
    PERFORM FROM projects WHERE key = a_project FOR UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('result', 'unknown_project');
    END IF;
    INSERT INTO socials (provider, account_id, created_at)
    VALUES (request->>'provider', request->>'account_id', a_now) ON CONFLICT DO NOTHING;
    SELECT id INTO social FROM socials
     WHERE provider = request->>'provider' AND account_id = request->>'account_id';
    IF EXISTS (SELECT FROM project_socials WHERE project = a_project AND social_id = social AND is_primary) THEN
        RETURN jsonb_build_object('result', 'unchanged');
    END IF;
    UPDATE project_socials SET is_primary = false WHERE project = a_project AND is_primary;
    INSERT INTO project_socials (project, social_id, is_primary, created_at) VALUES (a_project, social, true, a_now)
    ON CONFLICT (project, social_id) DO UPDATE SET is_primary = true;
    RETURN jsonb_build_object('result', 'added');
END $$;
