-- {"key"?} → {"projects": [definition]}: the current version of each, by key.
CREATE OR REPLACE FUNCTION project_list(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('projects', coalesce(jsonb_agg(definition ORDER BY key), '[]'))
      FROM projects JOIN project_versions USING (key, version)
     WHERE request->>'key' IS NULL OR key = request->>'key');
END $$;
