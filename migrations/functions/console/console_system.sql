-- {"series"} → {"shell", "left", "sweep", "migration", "oldest_due_at", "decisions", "series"}: how the service is, and the newest decisions.
CREATE OR REPLACE FUNCTION console_system(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('shell', console_shell(request), 'left', drain_status('{}'),
        'sweep', (SELECT jsonb_build_object('last_success_at', last_success_at, 'report', last_report,
                      'lag_seconds', greatest(0, extract(epoch FROM (request->>'now')::timestamptz - last_success_at)))
                    FROM leases WHERE name = 'sweep'),
        'migration', (SELECT coalesce(max(version), 0) FROM schema_migrations),
        'series', metric_series_since(ARRAY(SELECT jsonb_array_elements_text(request->'series'))),
        'oldest_due_at', (SELECT due_at FROM outbox WHERE state = 'due' ORDER BY due_at, effect_id LIMIT 1),
        'decisions', (SELECT coalesce(jsonb_agg(jsonb_build_object('run_id', run_id, 'gate', gate, 'decision', decision,
                          'approver', approver, 'channel', channel, 'at', created_at) ORDER BY created_at DESC), '[]')
                        FROM (SELECT * FROM hitl_approvals ORDER BY created_at DESC LIMIT 20) AS newest)));
END $$;
