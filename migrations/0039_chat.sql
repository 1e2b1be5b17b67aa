-- Conversations with Brendan: one for each user, with what a language model made of its older part, and what it has cost.

-- What was said up to a message, in a few sentences of a model: stands for those messages in what it is told.
CREATE TABLE IF NOT EXISTS chat_summaries (
    user_id    text PRIMARY KEY,
    summary    text NOT NULL,
    until_id   bigint NOT NULL,
    updated_at timestamptz NOT NULL
);

-- Numbers only, so they stay when a conversation goes.
CREATE TABLE IF NOT EXISTS chat_usage (
    user_id       text NOT NULL,
    -- In UTC.
    day           date NOT NULL,
    turns         integer NOT NULL CHECK (turns >= 0),
    input_tokens  bigint NOT NULL CHECK (input_tokens >= 0),
    output_tokens bigint NOT NULL CHECK (output_tokens >= 0),
    -- By the prices that were configured then; 0 without any.
    cost          numeric(18, 8) NOT NULL CHECK (cost >= 0),
    PRIMARY KEY (user_id, day)
);

CREATE OR REPLACE FUNCTION chat_day(at timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE AS $$ SELECT (at AT TIME ZONE 'UTC')::date $$;

-- Whose conversation it is: behind a principal's key their own or a part of it, never somebody else's.
CREATE OR REPLACE FUNCTION chat_user(said text, principal text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN principal IS NULL OR said = principal OR starts_with(said, principal || '/') THEN said
                ELSE principal || '/' || said END
$$;

-- {"now", "key_hash"?, "user_id", "limit", "history"} → what a chat turn needs: whose key it is, the limit, whether the
-- service drains, whose conversation it is, projects, the user's newest runs and the notices not yet told; for a language
-- model ("history" > 0) so many of the last messages, the summary of those before, and the user's tokens of today.
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
        'user_id', a_user,
        'draining', (SELECT jsonb_build_object('reason', reason) FROM drain WHERE active),
        'projects', (SELECT coalesce(jsonb_agg(jsonb_build_object('key', key, 'title', definition->>'title',
                         'keywords', coalesce(definition->'keywords', '[]'), 'version', version, 'digest', digest,
                         'has_runs', jsonb_array_length(definition->'steps') > 0) ORDER BY key), '[]')
                       FROM projects JOIN project_versions USING (key, version)),
        'runs', (SELECT coalesce(jsonb_agg(jsonb_build_object('run_id', run_id, 'project', project, 'status', status,
                     'awaiting_gate', awaiting_gate, 'opening', state->'gate'->'opening') ORDER BY created_at DESC), '[]')
                   FROM (SELECT * FROM runs WHERE user_id = a_user
                          ORDER BY created_at DESC, run_id DESC LIMIT 50) AS newest),
        'summary', held.summary,
        'summary_until', coalesce(held.until_id, 0),
        'history', (SELECT coalesce(jsonb_agg(jsonb_build_object('message_id', message_id, 'role', role,
                        'content', left(content, 2000)) ORDER BY message_id), '[]')
                      FROM (SELECT * FROM chat_messages WHERE user_id = a_user AND role <> 'notice'
                               AND message_id > coalesce(held.until_id, 0)
                             ORDER BY message_id DESC LIMIT many) AS newest),
        'tokens_today', (SELECT input_tokens + output_tokens FROM chat_usage
                          WHERE many > 0 AND user_id = a_user AND day = chat_day((request->>'now')::timestamptz)),
        'notices', (SELECT coalesce(jsonb_agg(jsonb_build_object('message_id', message_id, 'content', content,
                        'run_id', run_id, 'gate', gate) ORDER BY message_id), '[]')
                      FROM (SELECT * FROM chat_messages
                             WHERE user_id = a_user AND role = 'notice' AND told_at IS NULL
                             ORDER BY message_id LIMIT 20) AS untold));
END $$;

-- {"user_id", "run_id"} → what there is to say about one of the user's own runs; null for another's.
CREATE OR REPLACE FUNCTION chat_run(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('run_id', run_id, 'project', project, 'title', state->>'title', 'status', status,
            'waits_at_gate', awaiting_gate, 'since', updated_at, 'ends_by_itself_at', deadline,
            'error', result->'error', 'latest_events', (
                SELECT coalesce(jsonb_agg(jsonb_build_object('type', type, 'at', at) ORDER BY seq), '[]')
                  FROM (SELECT seq, type, at FROM run_events
                         WHERE run_events.run_id = runs.run_id ORDER BY seq DESC LIMIT 8) AS newest))
          FROM runs WHERE run_id = request->>'run_id' AND user_id = request->>'user_id'), 'null')
$$;

-- {"model", "input_tokens", "output_tokens"}: what a language model has read and written, on the metrics.
CREATE OR REPLACE FUNCTION llm_observe(used jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'llm_tokens_total', format('model="%s",token_type="%s"', used->>'model', word),
           (used->>(word || '_tokens'))::double precision
      FROM unnest(ARRAY['input', 'output']) AS word WHERE (used->>(word || '_tokens'))::bigint > 0
$$;

-- Adds what a model has read and written for a user to their day: {"model", "input_tokens", "output_tokens", "cost"}.
CREATE OR REPLACE FUNCTION chat_use(a_user text, used jsonb, a_turns integer, a_now timestamptz) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO chat_usage AS held (user_id, day, turns, input_tokens, output_tokens, cost)
    VALUES (a_user, chat_day(a_now), a_turns, (used->>'input_tokens')::bigint, (used->>'output_tokens')::bigint,
            (used->>'cost')::numeric)
    ON CONFLICT (user_id, day) DO UPDATE SET turns = held.turns + excluded.turns,
        input_tokens = held.input_tokens + excluded.input_tokens,
        output_tokens = held.output_tokens + excluded.output_tokens, cost = held.cost + excluded.cost;
    SELECT llm_observe(used)
$$;

-- Appends a turn of a conversation and marks the notices that it told.
CREATE OR REPLACE FUNCTION chat_append(chat jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
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
    SELECT 'supervisor_decisions_total', format('decision="%s"', chat->>'decision'), 1 WHERE chat ? 'decision'
    UNION ALL
    SELECT 'chat_turns_total', format('planner="%s",fallback="%s"', chat->>'planner', coalesce(chat->>'fallback', '')), 1
     WHERE chat ? 'planner';
    IF chat ? 'used' THEN
        PERFORM chat_use(chat->>'user_id', chat->'used', 1, a_now);
    END IF;
END $$;

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
