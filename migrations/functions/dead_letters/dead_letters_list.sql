-- {"provider"?, "reason"?, "exhausted"?, "before"?: {"created_at", "id"}, "limit"} → {"letters": [...], "more"}, newest
-- first, by key. The conditions are constant texts, so that each list uses its own index.
CREATE OR REPLACE FUNCTION dead_letters_list(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    page integer := (request->>'limit')::integer;
    rows jsonb;
BEGIN
    EXECUTE 'SELECT coalesce(jsonb_agg(dead_letter_row(letter)
                        ORDER BY (letter).created_at DESC, (letter).id DESC), ''[]'')
               FROM (SELECT webhook_dlq AS letter FROM webhook_dlq WHERE true'
        || CASE WHEN request->>'provider' IS NOT NULL THEN ' AND provider = $1->>''provider''' ELSE '' END
        || CASE WHEN request->>'reason' IS NOT NULL THEN ' AND error = $1->>''reason''' ELSE '' END
        || CASE request->>'exhausted' WHEN 'true' THEN ' AND next_retry_at IS NULL'
                                      WHEN 'false' THEN ' AND next_retry_at IS NOT NULL' ELSE '' END
        || CASE WHEN request->'before'->>'id' IS NOT NULL THEN ' AND (created_at, id) <
                (($1->''before''->>''created_at'')::timestamptz, ($1->''before''->>''id'')::uuid)' ELSE '' END
        || ' ORDER BY created_at DESC, id DESC LIMIT $2) AS page'
       INTO rows USING request, page + 1;
    RETURN jsonb_build_object('letters', CASE WHEN jsonb_array_length(rows) > page THEN rows - page ELSE rows END,
                              'more', jsonb_array_length(rows) > page);
END $$;
