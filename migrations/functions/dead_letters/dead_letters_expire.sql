-- Discards a page of strangers' dead letters whose time is over, with their bodies, which nobody has asked for: how many. One
-- that somebody settles at this moment is theirs.
CREATE OR REPLACE FUNCTION dead_letters_expire(a_now timestamptz, page integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    acted integer;
BEGIN
    WITH going AS (
        DELETE FROM webhook_dlq WHERE id = ANY (ARRAY(
            SELECT id FROM webhook_dlq WHERE expires_at <= a_now ORDER BY expires_at LIMIT page FOR UPDATE SKIP LOCKED))
        RETURNING id
    )
    UPDATE webhook_events SET outcome = 'discarded', payload = '', settled_at = a_now, settled_by = 'sweep',
           settled_reason = 'its body was not signed, and no job claimed it in three days'
      FROM going WHERE webhook_events.id = going.id;
    GET DIAGNOSTICS acted = ROW_COUNT;
    RETURN acted;
END $$;
