-- {"now", "user_id", "after_id", "until_id", "summary"?, "used"} → {"kept"}: what a model made of the messages from one to
-- another. Not kept when somebody else's summary has come between, or when the conversation is gone; the tokens count all the same.
CREATE OR REPLACE FUNCTION chat_summarise(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    a_user text := request->>'user_id';
    is_kept boolean := false;
BEGIN
    IF request->>'summary' IS NOT NULL THEN
        -- A deletion waits here, or has taken the message.
        PERFORM FROM chat_messages WHERE message_id = (request->>'until_id')::bigint AND user_id = a_user FOR UPDATE;
        IF FOUND THEN
            INSERT INTO chat_summaries AS held (user_id, summary, until_id, updated_at)
            SELECT a_user, request->>'summary', (request->>'until_id')::bigint, a_now
            ON CONFLICT (user_id) DO UPDATE
               SET summary = excluded.summary, until_id = excluded.until_id, updated_at = excluded.updated_at
             WHERE held.until_id = (request->>'after_id')::bigint;
            is_kept := FOUND;
        END IF;
    END IF;
    PERFORM chat_use(a_user, request->'used', 0, a_now);
    RETURN jsonb_build_object('kept', is_kept);
END $$;
