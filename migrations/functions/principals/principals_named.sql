-- {"names"} → {"principals": {name: what is known of them}}; a stranger's name is left out.
CREATE OR REPLACE FUNCTION principals_named(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('principals', coalesce(jsonb_object_agg(name, principal_named(name)), '{}'))
              FROM principals WHERE name IN (SELECT jsonb_array_elements_text(request->'names')));
END $$;
