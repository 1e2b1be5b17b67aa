-- What the end of a run is told with.
CREATE OR REPLACE FUNCTION run_ended(run jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN jsonb_build_object('run_id', run->'run_id', 'project', run->'definition'->'key', 'status', run->'status',
                              'mode', run->'mode', 'version', run->'version');
END $$;
