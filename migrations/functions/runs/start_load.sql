-- {"now", "key_hash"?, "project", "user_id"?, "limit"} → {"principal", "limit", "project": {"key", "version", "digest"} | null,
-- "known": [key], "user_id", "is_somebody_else"}: "user_id" is for whom the run is, null where nobody was named.
CREATE OR REPLACE FUNCTION start_load(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    caller jsonb := caller_admit(request);
    a_user text := chat_user(request->>'user_id', caller->'principal'->>'name');
BEGIN
    RETURN caller || (SELECT jsonb_build_object(
        'project', (SELECT jsonb_build_object('key', key, 'version', version, 'digest', digest)
                      FROM projects JOIN project_versions USING (key, version) WHERE key = request->>'project'),
        'known', (SELECT coalesce(jsonb_agg(key ORDER BY key), '[]') FROM projects
                    JOIN project_versions USING (key, version) WHERE jsonb_array_length(definition->'steps') > 0),
        'user_id', a_user,
        'is_somebody_else', a_user IS NULL AND caller->'principal' <> 'null'));
END $$;
