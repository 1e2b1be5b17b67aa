-- {"now", "kind", "update_id", "chat"?, "identity"?, "message"?: {"message", "said_at", "text_sha256"}} → {"result": "mine" |
-- "duplicate" | "at_work", "allowed", "private", "conversation", "amends", "principal", "refusal": "stranger" | "barred"}: takes an update,
-- or says that somebody has. One whose handling died half a minute ago is taken again. `allowed`: the chat is listed, or somebody who
-- may act writes in a chat of their own; and whoever writes is no viewer and not disabled. `private`: nobody else reads the chat.
-- `conversation`: the chat's first address, under which it goes on when it has moved. `refusal`: why not, where that is to be said
-- now; it is said once in a chat, to whoever is barred once in each. What comes of people who may do nothing is kept out of the
-- budget of refused deliveries, and forgotten where that is used up.
--
-- A message that was changed is the same message: with the same text, or older than what has come, it is a duplicate; while another
-- version of it is handled it waits; and it `amends` the run that the message started. One whose message never came (a bot in a group
-- need not see all) is new.
CREATE OR REPLACE FUNCTION update_begin(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    a_kind text := request->>'kind';
    a_chat text := request->>'chat';
    a_message text := request->'message'->>'message';
    known jsonb := principal_behind(a_kind, request->>'identity');
    acts boolean := principal_acts(known);
    is_private boolean := coalesce(a_chat = request->>'identity', false);
    barred boolean := known IS NOT NULL AND NOT acts;
    allowed boolean := NOT barred AND ((is_private AND acts)
        OR EXISTS (SELECT FROM channels WHERE kind = a_kind AND address = a_chat));
    refuse boolean := false;
    before channel_updates;
    is_repeated boolean := false;
BEGIN
    IF NOT (allowed OR (a_chat IS NULL AND acts)) AND NOT strangers_take('refused', 400, a_now) THEN
        RETURN jsonb_build_object('result', 'mine', 'allowed', false, 'private', false, 'conversation', a_chat);
    END IF;
    IF a_message IS NOT NULL THEN
        -- Versions of a message come one after the other, whoever takes them.
        PERFORM pg_advisory_xact_lock(hashtextextended(a_kind || ':' || a_message, 0));
        SELECT * INTO before FROM channel_updates
         WHERE kind = a_kind AND message = a_message AND update_id <> request->>'update_id'
         ORDER BY said_at DESC, received_at DESC LIMIT 1;
        IF before.state = 'at_work' AND before.received_at > a_now - interval '30 seconds' THEN
            RETURN '{"result": "at_work"}';
        END IF;
        is_repeated := coalesce(before.text_sha256 = request->'message'->>'text_sha256'
                             OR before.said_at > (request->'message'->>'said_at')::bigint, false);
    END IF;
    INSERT INTO channel_updates AS held (kind, update_id, state, received_at, message, said_at, text_sha256)
    VALUES (a_kind, request->>'update_id', CASE WHEN is_repeated THEN 'handled' ELSE 'at_work' END, a_now, a_message,
            (request->'message'->>'said_at')::bigint, request->'message'->>'text_sha256')
    ON CONFLICT (kind, update_id) DO UPDATE SET received_at = a_now
        WHERE held.state = 'at_work' AND held.received_at <= a_now - interval '30 seconds';
    IF NOT FOUND THEN
        RETURN jsonb_build_object('result', (SELECT CASE state WHEN 'handled' THEN 'duplicate' ELSE 'at_work' END
            FROM channel_updates WHERE kind = a_kind AND update_id = request->>'update_id'));
    END IF;
    IF is_repeated THEN
        RETURN '{"result": "duplicate"}';
    END IF;
    IF NOT allowed AND a_chat IS NOT NULL THEN
        INSERT INTO channel_updates (kind, update_id, state, received_at)
        VALUES (a_kind, 'refused:' || a_chat || CASE WHEN barred THEN ':' || (request->>'identity') ELSE '' END, 'handled', a_now)
        ON CONFLICT DO NOTHING;
        refuse := FOUND;
    END IF;
    RETURN jsonb_build_object('result', 'mine', 'allowed', allowed, 'private', is_private,
        'conversation', channel_first(a_kind, a_chat),
        'amends', (SELECT run_id FROM channel_updates WHERE kind = a_kind AND message = a_message AND run_id IS NOT NULL
                    ORDER BY said_at DESC, received_at DESC LIMIT 1),
        'refusal', CASE WHEN refuse THEN CASE WHEN barred THEN 'barred' ELSE 'stranger' END END,
        'principal', CASE WHEN acts THEN known END);
END $$;
