-- {} → {"version": newest applied migration}.
CREATE OR REPLACE FUNCTION readiness(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('migration', (SELECT coalesce(max(version), 0) FROM schema_migrations),
                              'sweep_last_success_at', (SELECT last_success_at FROM leases WHERE name = 'sweep')));
END $$;
