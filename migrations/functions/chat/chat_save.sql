-- {"now", "chat", "seen"?} → {"saved": true, "seen"}: a turn that starts nothing.
CREATE OR REPLACE FUNCTION chat_save(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM chat_append(request->'chat', (request->>'now')::timestamptz);
    IF request ? 'seen' THEN
        PERFORM request_seen(request->'seen', NULL);
    END IF;
    RETURN jsonb_build_object('saved', true, 'seen', request ? 'seen');
END $$;
