-- Keys and titles of the projects, for a choice.
CREATE OR REPLACE FUNCTION console_projects() RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('key', key, 'title', definition->>'title') ORDER BY key), '[]')
      FROM projects JOIN project_versions USING (key, version));
END $$;
