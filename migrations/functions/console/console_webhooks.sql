-- {"refused", "before"?: {"created_at", "id"}, "limit"} → {"shell", "receipts", "more", "letters"}: receipts newest first, by
-- key, all or only the refused ones; beside the first page the newest dead letters.
CREATE OR REPLACE FUNCTION console_webhooks(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    page integer := (request->>'limit')::integer;
    rows jsonb;
BEGIN
    EXECUTE 'SELECT coalesce(jsonb_agg(console_receipt(receipt)
                        ORDER BY (receipt).received_at DESC, (receipt).id DESC), ''[]'')
               FROM (SELECT webhook_events AS receipt FROM webhook_events WHERE true'
        || CASE WHEN (request->>'refused')::boolean THEN ' AND outcome = ''refused''' ELSE '' END
        || CASE WHEN request->'before'->>'id' IS NOT NULL THEN ' AND (received_at, id) <
                (($1->''before''->>''created_at'')::timestamptz, ($1->''before''->>''id'')::uuid)' ELSE '' END
        || ' ORDER BY received_at DESC, id DESC LIMIT $2) AS page'
       INTO rows USING request, page + 1;
    RETURN jsonb_build_object('shell', console_shell(request),
        'receipts', CASE WHEN jsonb_array_length(rows) > page THEN rows - page ELSE rows END,
        'more', jsonb_array_length(rows) > page,
        'letters', CASE WHEN request->'before'->>'id' IS NULL
                        THEN dead_letters_list('{"limit": 50}')->'letters' ELSE '[]' END);
END $$;
