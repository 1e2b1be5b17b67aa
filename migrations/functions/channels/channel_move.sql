-- {"now", "kind", "from", "to"} → {"moved"}: a chat or channel has another id. Its list entries move with it; what is on its way
-- there is sent to the new one (effects_lease), and its conversation goes on (update_begin). Said twice, in both chats or by an answer,
-- it is done once; where nobody knows the old address there is nothing to carry over. Back again is a move, too.
CREATE OR REPLACE FUNCTION channel_move(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_kind text := request->>'kind';
    a_from text := channel_current(a_kind, request->>'from');
    a_to text := request->>'to';
    a_first text := channel_first(a_kind, a_from);
BEGIN
    IF a_from = a_to OR NOT (
        EXISTS (SELECT FROM channels WHERE kind = a_kind AND address = a_from)
        OR EXISTS (SELECT FROM runs WHERE user_id = a_kind || '_' || a_first)
        OR EXISTS (SELECT FROM chat_messages WHERE user_id = a_kind || '_' || a_first)) THEN
        RETURN '{"moved": false}';
    END IF;
    DELETE FROM channel_moves WHERE kind = a_kind AND from_address = a_to;
    UPDATE channel_moves SET to_address = a_to WHERE kind = a_kind AND to_address = a_from;
    INSERT INTO channel_moves (kind, from_address, to_address, first_address, moved_at)
    VALUES (a_kind, a_from, a_to, a_first, (request->>'now')::timestamptz)
    ON CONFLICT (kind, from_address) DO UPDATE SET to_address = excluded.to_address;
    -- Listed at both, it is listed once.
    UPDATE channels AS held SET address = a_to WHERE kind = a_kind AND address = a_from
       AND NOT EXISTS (SELECT FROM channels AS other WHERE other.kind = a_kind AND other.address = a_to
                          AND other.project IS NOT DISTINCT FROM held.project);
    DELETE FROM channels WHERE kind = a_kind AND address = a_from;
    -- What was said at the new address before anybody told us.
    UPDATE chat_messages SET user_id = a_kind || '_' || a_first WHERE user_id = a_kind || '_' || a_to AND a_first <> a_to;
    RETURN '{"moved": true}';
END $$;
