-- {"user_id", "limit"} → {"deleted", "more"}: a conversation goes, the oldest messages first; its summary at once. Runs that
-- it started stay, and so do the numbers of what it has used.
CREATE OR REPLACE FUNCTION chat_delete(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    gone integer;
BEGIN
    DELETE FROM chat_messages WHERE message_id = ANY (ARRAY(
        SELECT message_id FROM chat_messages WHERE user_id = request->>'user_id'
         ORDER BY message_id LIMIT (request->>'limit')::integer FOR UPDATE));
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM chat_summaries WHERE user_id = request->>'user_id';
    RETURN jsonb_build_object('deleted', gone, 'more', gone >= (request->>'limit')::integer);
END $$;
