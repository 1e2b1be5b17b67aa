-- Conversations with Brendan.

-- {"now", "key_hash"?, "user_id", "limit"} → what a chat turn needs: whose key it is, the limit, whether the service
-- drains, projects, the user's newest runs, the last messages and the notices not yet told.
CREATE OR REPLACE FUNCTION chat_load(request jsonb) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT caller_admit(request) || jsonb_build_object(
        'draining', (SELECT jsonb_build_object('reason', reason) FROM drain WHERE active),
        'projects', (SELECT coalesce(jsonb_agg(jsonb_build_object('key', key, 'title', definition->>'title',
                         'keywords', coalesce(definition->'keywords', '[]'), 'version', version, 'digest', digest,
                         'has_runs', jsonb_array_length(definition->'steps') > 0) ORDER BY key), '[]')
                       FROM projects JOIN project_versions USING (key, version)),
        'runs', (SELECT coalesce(jsonb_agg(jsonb_build_object('run_id', run_id, 'project', project, 'status', status,
                     'awaiting_gate', awaiting_gate, 'opening', state->'gate'->'opening') ORDER BY created_at DESC), '[]')
                   FROM (SELECT * FROM runs WHERE user_id = request->>'user_id'
                          ORDER BY created_at DESC, run_id DESC LIMIT 50) AS newest),
        'history', (SELECT coalesce(jsonb_agg(jsonb_build_object('role', role, 'content', content)
                        ORDER BY message_id), '[]')
                      FROM (SELECT * FROM chat_messages WHERE user_id = request->>'user_id' AND role <> 'notice'
                             ORDER BY message_id DESC LIMIT 5) AS newest),
        'notices', (SELECT coalesce(jsonb_agg(jsonb_build_object('message_id', message_id, 'content', content,
                        'run_id', run_id, 'gate', gate) ORDER BY message_id), '[]')
                      FROM (SELECT * FROM chat_messages
                             WHERE user_id = request->>'user_id' AND role = 'notice' AND told_at IS NULL
                             ORDER BY message_id LIMIT 20) AS untold))
$$;

-- Appends a turn of a conversation and marks the notices that it told.
CREATE OR REPLACE FUNCTION chat_append(chat jsonb, a_now timestamptz) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO chat_messages (user_id, role, content, run_id, created_at)
    SELECT chat->>'user_id', row->>'role', row->>'content', row->>'run_id', a_now
      FROM jsonb_array_elements(chat->'messages') WITH ORDINALITY AS listed (row, position) ORDER BY position;
    UPDATE chat_messages SET told_at = a_now
     WHERE user_id = chat->>'user_id' AND role = 'notice' AND told_at IS NULL
       AND message_id <= (chat->>'told_until')::bigint;
    -- A bot's update is done when its turn is kept, so that it is neither lost nor taken twice.
    UPDATE channel_updates SET state = 'done'
     WHERE kind = chat->'update'->>'kind' AND update_id = chat->'update'->>'update_id';
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'supervisor_decisions_total', format('decision="%s"', chat->>'decision'), 1 WHERE chat ? 'decision';
$$;

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
