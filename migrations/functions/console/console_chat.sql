-- {"user_id", "limit"} → {"shell", "messages", "runs"}: a conversation, oldest first, and the ids of its user's newest runs.
CREATE OR REPLACE FUNCTION console_chat(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('shell', console_shell(request),
        'messages', (SELECT coalesce(jsonb_agg(jsonb_build_object('role', role, 'content', content, 'at', created_at)
                         ORDER BY message_id), '[]')
                       FROM (SELECT * FROM chat_messages WHERE user_id = request->>'user_id'
                              ORDER BY message_id DESC LIMIT (request->>'limit')::integer) AS newest),
        'runs', (SELECT coalesce(jsonb_agg(run_id), '[]')
                   FROM (SELECT run_id FROM runs WHERE user_id = request->>'user_id'
                          ORDER BY created_at DESC, run_id DESC LIMIT 50) AS newest)));
END $$;
