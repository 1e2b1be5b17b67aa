-- {"now", "limit", "webhooks_days"?} → {"acted", "receipts"}: what is old goes. Webhook events after 14 days (a dead letter's
-- receipt 14 days after its end), refusals after one; strangers' dead letters end; windows of limits that are over go. An open
-- dead letter of a sender who signs never goes. "acted" counts all of it, so that a backlog is worked off page after page.
CREATE OR REPLACE FUNCTION retention_prune(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    oldest timestamptz := a_now - make_interval(days => coalesce((request->>'webhooks_days')::integer, 14));
    page integer := (request->>'limit')::integer;
    receipts integer;
    acted integer;
    others integer;
BEGIN
    DELETE FROM webhook_events WHERE id = ANY (ARRAY(
        (SELECT id FROM webhook_events WHERE outcome = 'refused' AND received_at < a_now - interval '1 day'
          ORDER BY received_at LIMIT page)
        UNION ALL
        (SELECT id FROM webhook_events WHERE outcome IN ('accepted', 'discarded', 'ignored')
            AND coalesce(settled_at, received_at) < oldest ORDER BY coalesce(settled_at, received_at) LIMIT page)));
    GET DIAGNOSTICS receipts = ROW_COUNT;
    acted := receipts + dead_letters_expire(a_now, page);
    -- No window is longer than a minute.
    DELETE FROM rate_limits WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM rate_limits WHERE window_start < a_now - interval '10 minutes' ORDER BY window_start LIMIT page));
    GET DIAGNOSTICS others = ROW_COUNT;
    acted := acted + others;
    -- Telegram repeats an update for a day at most.
    DELETE FROM channel_updates WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM channel_updates WHERE received_at < a_now - interval '7 days' ORDER BY received_at LIMIT page));
    GET DIAGNOSTICS others = ROW_COUNT;
    acted := acted + others;
    DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM idempotency_keys WHERE created_at < a_now - interval '7 days' ORDER BY created_at LIMIT page));
    GET DIAGNOSTICS others = ROW_COUNT;
    RETURN jsonb_build_object('acted', acted + others, 'receipts', receipts);
END $$;
