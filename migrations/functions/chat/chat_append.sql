-- Appends a turn of a conversation and marks the notices that it told: those up to one, and those that the run which the turn
-- starts has written by now, since the answer has its gate and its link.
CREATE OR REPLACE FUNCTION chat_append(chat jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chat_messages (user_id, role, content, run_id, created_at)
    SELECT chat->>'user_id', row->>'role', row->>'content', row->>'run_id', a_now
      FROM jsonb_array_elements(chat->'messages') WITH ORDINALITY AS listed (row, position) ORDER BY position;
    UPDATE chat_messages SET told_at = a_now
     WHERE user_id = chat->>'user_id' AND role = 'notice' AND told_at IS NULL
       AND (message_id <= (chat->>'told_until')::bigint OR run_id = chat->>'started');
    -- A bot's update is done when its turn is kept, so that it is neither lost nor taken twice.
    UPDATE channel_updates SET state = 'handled', run_id = chat->>'started'
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
