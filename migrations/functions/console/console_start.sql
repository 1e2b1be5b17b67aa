-- {} → {"shell", "projects": [definition]}.
CREATE OR REPLACE FUNCTION console_start(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('shell', console_shell(request)) || project_list('{}'));
END $$;
