-- {"key_hash"?, "now", "user_id", "after"?: message_id, "limit"} → {"principal", "messages", "more", "summary", "usage":
-- {"turns", "input_tokens", "output_tokens", "cost", "days": [...]}}: a conversation, oldest first, one page by key; the
-- last 400 days of what it has used.
CREATE OR REPLACE FUNCTION chat_export(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    WITH page AS MATERIALIZED (
        SELECT message_id, role, content, run_id, gate, created_at FROM chat_messages
         WHERE user_id = request->>'user_id' AND message_id > coalesce((request->>'after')::bigint, 0)
         ORDER BY message_id LIMIT (request->>'limit')::integer + 1
    ), used AS MATERIALIZED (
        SELECT day, turns, input_tokens, output_tokens, cost FROM chat_usage
         WHERE user_id = request->>'user_id' ORDER BY day DESC LIMIT 400
    )
    SELECT jsonb_build_object(
        'principal', principal_of_key(request->>'key_hash', (request->>'now')::timestamptz),
        'messages', (SELECT coalesce(jsonb_agg(jsonb_build_object('message_id', message_id, 'role', role, 'content', content,
                         'runId', run_id, 'gate', gate, 'createdAt', created_at) ORDER BY message_id), '[]')
                       FROM (SELECT * FROM page ORDER BY message_id LIMIT (request->>'limit')::integer) AS shown),
        'more', (SELECT count(*) FROM page) > (request->>'limit')::integer,
        'summary', (SELECT summary FROM chat_summaries WHERE user_id = request->>'user_id'),
        'usage', (SELECT jsonb_build_object('turns', coalesce(sum(turns), 0), 'input_tokens', coalesce(sum(input_tokens), 0),
                      'output_tokens', coalesce(sum(output_tokens), 0), 'cost', coalesce(sum(cost), 0),
                      'days', coalesce(jsonb_agg(to_jsonb(used) ORDER BY day), '[]')) FROM used))
$$;
