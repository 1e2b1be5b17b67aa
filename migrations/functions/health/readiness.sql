-- {"release"} → {"migration": the newest applied version, "is_older": an older release than this one was the last to migrate,
-- "sweep_last_success_at"}.
CREATE OR REPLACE FUNCTION readiness(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('migration', (SELECT coalesce(max(version), 0) FROM schema_migrations),
        'is_older', (SELECT coalesce(min(string_to_array(split_part(release, '-', 1), '.')::integer[]), '{}')
                            < string_to_array(split_part(request->>'release', '-', 1), '.')::integer[] FROM schema_release),
        'sweep_last_success_at', (SELECT last_success_at FROM leases WHERE name = 'sweep')));
END $$;
