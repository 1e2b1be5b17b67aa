-- {"now", "chat"} → {"saved": true}: a turn that starts nothing.
CREATE OR REPLACE FUNCTION chat_save(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM chat_append(request->'chat', (request->>'now')::timestamptz);
    RETURN jsonb_build_object('saved', true);
END $$;
