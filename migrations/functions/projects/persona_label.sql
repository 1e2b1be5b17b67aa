-- A persona as a label of metrics: its name where a project has it or it is the assistant; whoever asks makes no series.
CREATE OR REPLACE FUNCTION persona_label(a_name text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE
        WHEN a_name = 'brendan' OR EXISTS (
            SELECT FROM projects JOIN project_versions USING (key, version)
             WHERE jsonb_path_exists(definition, '$.steps[*].persona ? (@ == $name)', jsonb_build_object('name', a_name)))
            THEN a_name ELSE 'other' END;
END $$;
