-- {"now", "kind", "update_id", "chat"?, "identity"?} → {"result": "mine" | "duplicate" | "at_work", "allowed", "private", "principal",
-- "refusal": "stranger" | "barred"}: takes an update, or says that somebody has. One whose handling died half a minute ago is
-- taken again. `allowed`: the chat is listed, or somebody who may act writes in a chat of their own; and whoever writes is no viewer
-- and not disabled. `private`: nobody else reads the chat. `refusal`: why not, where that is to be said now; it is said once in a
-- chat, to whoever is barred once in each. What comes of people who may do nothing is
-- kept out of the budget of refused deliveries, and forgotten where that is used up.
CREATE OR REPLACE FUNCTION update_begin(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    a_kind text := request->>'kind';
    a_chat text := request->>'chat';
    known jsonb := principal_behind(a_kind, request->>'identity');
    acts boolean := principal_acts(known);
    is_private boolean := coalesce(a_chat = request->>'identity', false);
    barred boolean := known IS NOT NULL AND NOT acts;
    allowed boolean := NOT barred AND ((is_private AND acts)
        OR EXISTS (SELECT FROM channels WHERE kind = a_kind AND address = a_chat));
    refuse boolean := false;
BEGIN
    IF NOT (allowed OR (a_chat IS NULL AND acts)) AND NOT strangers_take('refused', 400, a_now) THEN
        RETURN '{"result": "mine", "allowed": false, "private": false, "refusal": null, "principal": null}';
    END IF;
    INSERT INTO channel_updates AS held (kind, update_id, state, received_at)
    VALUES (a_kind, request->>'update_id', 'at_work', a_now)
    ON CONFLICT (kind, update_id) DO UPDATE SET received_at = a_now
        WHERE held.state = 'at_work' AND held.received_at <= a_now - interval '30 seconds';
    IF NOT FOUND THEN
        RETURN jsonb_build_object('result', (SELECT CASE state WHEN 'handled' THEN 'duplicate' ELSE 'at_work' END
            FROM channel_updates WHERE kind = a_kind AND update_id = request->>'update_id'));
    END IF;
    IF NOT allowed AND a_chat IS NOT NULL THEN
        INSERT INTO channel_updates (kind, update_id, state, received_at)
        VALUES (a_kind, 'refused:' || a_chat || CASE WHEN barred THEN ':' || (request->>'identity') ELSE '' END, 'handled', a_now)
        ON CONFLICT DO NOTHING;
        refuse := FOUND;
    END IF;
    RETURN jsonb_build_object('result', 'mine', 'allowed', allowed, 'private', is_private,
        'refusal', CASE WHEN refuse THEN CASE WHEN barred THEN 'barred' ELSE 'stranger' END END,
        'principal', CASE WHEN acts THEN known END);
END $$;
