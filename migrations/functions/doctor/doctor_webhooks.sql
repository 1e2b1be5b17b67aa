-- {"now", "slack_seconds", "limit", "after"?} → {"count", "last", "findings"}: the next page of receipts by key. What
-- was accepted found its job or is a dead letter, and dead letters are tried when they are due.
CREATE OR REPLACE FUNCTION doctor_webhooks(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    WITH page AS (
        SELECT e.id, e.run_id, e.provider, e.outcome, e.job_id, letter.id AS letter, letter.next_retry_at
          FROM (SELECT * FROM webhook_events
                 WHERE id > coalesce((request->>'after')::uuid, '00000000-0000-0000-0000-000000000000')
                 ORDER BY id LIMIT (request->>'limit')::integer) AS e
          -- By key, each: a plan that reads all dead letters for every page is as long as strangers make it.
          LEFT JOIN LATERAL (SELECT id, next_retry_at FROM webhook_dlq WHERE webhook_dlq.id = e.id OFFSET 0) AS letter ON true
    ), found AS (
        SELECT 'webhook_unprocessed' AS invariant, run_id,
               format('receipt %s of %s is %s, and neither a job nor a dead letter has it', id, provider, outcome) AS detail
          FROM page WHERE (outcome = 'dlq' AND letter IS NULL)
             OR (outcome = 'accepted' AND job_id IS NULL AND letter IS NULL)
        UNION ALL
        SELECT 'dead_letter_stalled', run_id, format('letter %s of %s was due at %s', letter, provider, next_retry_at)
          FROM page WHERE next_retry_at < (request->>'now')::timestamptz - make_interval(secs => (request->>'slack_seconds')::integer)
    )
    SELECT jsonb_build_object('count', (SELECT count(*) FROM page), 'last', (SELECT id FROM page ORDER BY id DESC LIMIT 1),
        'findings', (SELECT coalesce(jsonb_agg(to_jsonb(found) ORDER BY invariant, detail), '[]') FROM found))
$$;
