-- {"key", "version"} → the definition, or null.
CREATE OR REPLACE FUNCTION project_definition(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce((SELECT definition FROM project_versions
                      WHERE key = request->>'key' AND version = request->>'version'), 'null'));
END $$;
