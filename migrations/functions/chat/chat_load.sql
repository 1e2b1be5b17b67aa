-- {"now", "key_hash"?, "user_id", "reader"?, "limit", "history"} → what a chat turn needs: whose key it is, the limit, whether the
-- service drains, whose conversation it is (or that it is somebody else's), whether it is new, what is known of the reader whom a
-- seal or the environment's key names, projects, the user's newest runs, each with the policy of the gate that it waits at, and the
-- notices not yet told; so many of the last messages as "history" says, the summary of those before, and the person's tokens of
-- today, of all their conversations, for a language model.
CREATE OR REPLACE FUNCTION chat_load(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    caller jsonb := caller_admit(request);
    a_user text := chat_user(request->>'user_id', caller->'principal'->>'name');
    many integer := coalesce((request->>'history')::integer, 0);
    held chat_summaries;
BEGIN
    IF many > 0 THEN
        SELECT * INTO held FROM chat_summaries WHERE user_id = a_user;
    END IF;
    RETURN caller || jsonb_build_object(
        'user_id', coalesce(a_user, (caller->'principal'->>'name') || '/' || (request->>'user_id')),
        'is_somebody_else', a_user IS NULL,
        'is_new', NOT EXISTS (SELECT FROM chat_messages WHERE user_id = a_user AND role = 'brendan'),
        'reader', principal_named(request->>'reader'),
        'draining', (SELECT jsonb_build_object('reason', reason) FROM drain WHERE active),
        'projects', (SELECT coalesce(jsonb_agg(jsonb_build_object('key', key, 'title', definition->>'title',
                         'keywords', coalesce(definition->'keywords', '[]'), 'version', version, 'digest', digest,
                         'is_default', coalesce(definition->'is_default', 'false'),
                         'requests', coalesce(definition->'requests', '[]'),
                         'clips', definition->'settings'->'clips',
                         'platforms', coalesce(definition->'settings'->'publish'->'platforms', '[]'),
                         'has_runs', jsonb_array_length(definition->'steps') > 0) ORDER BY key), '[]')
                       FROM projects JOIN project_versions USING (key, version)),
        'runs', (SELECT coalesce(jsonb_agg(jsonb_build_object('run_id', run_id, 'project', project, 'status', status,
                     'awaiting_gate', awaiting_gate, 'gates', CASE WHEN awaiting_gate IS NOT NULL
                         THEN state->'gates' ELSE '[]' END) ORDER BY created_at DESC), '[]')
                   FROM (SELECT * FROM runs WHERE user_id = a_user
                          ORDER BY created_at DESC, run_id DESC LIMIT 50) AS newest),
        'summary', held.summary,
        'summary_until', coalesce(held.until_id, 0),
        'history', (SELECT coalesce(jsonb_agg(jsonb_build_object('message_id', message_id, 'role', role,
                        'content', left(content, 2000)) ORDER BY message_id), '[]')
                      FROM (SELECT * FROM chat_messages WHERE user_id = a_user AND role <> 'notice'
                               AND message_id > coalesce(held.until_id, 0)
                             ORDER BY message_id DESC LIMIT many) AS newest),
        'tokens_today', (SELECT sum(input_tokens + output_tokens) FROM chat_usage
                          WHERE many > 0 AND split_part(user_id, '/', 1) = split_part(a_user, '/', 1)
                            AND day = chat_day((request->>'now')::timestamptz)),
        'notices', (SELECT coalesce(jsonb_agg(jsonb_build_object('message_id', message_id, 'content', content,
                        'run_id', run_id, 'gate', gate) ORDER BY message_id), '[]')
                      FROM (SELECT * FROM chat_messages
                             WHERE user_id = a_user AND role = 'notice' AND told_at IS NULL
                             ORDER BY message_id LIMIT 20) AS untold));
END $$;
