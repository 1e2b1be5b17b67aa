-- {"now", "key_hash"?} → {"principal", "waiting", "dead_letters", "draining"}. The principal is whose key the session was opened
-- with, as it stands now: null ends the session. "waiting" and "dead_letters" count to 100.
CREATE OR REPLACE FUNCTION console_shell(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object(
        'principal', principal_of_key(request->>'key_hash', (request->>'now')::timestamptz),
        'waiting', (SELECT count(*) FROM (SELECT FROM runs WHERE status IN ('pending_workflow', 'awaiting_ideate',
                        'awaiting_prepublish') LIMIT 100) AS waiting),
        'dead_letters', (SELECT count(*) FROM (SELECT FROM webhook_dlq ORDER BY created_at DESC, id DESC LIMIT 100) AS letters),
        'draining', (SELECT jsonb_build_object('reason', reason) FROM drain WHERE active)));
END $$;
