-- The senders of dead letters, each found by one look into the index.
CREATE OR REPLACE FUNCTION dead_letter_senders() RETURNS SETOF text
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE senders AS (
        (SELECT provider FROM webhook_dlq ORDER BY provider LIMIT 1)
        UNION ALL
        SELECT (SELECT provider FROM webhook_dlq WHERE webhook_dlq.provider > senders.provider ORDER BY provider LIMIT 1)
          FROM senders WHERE senders.provider IS NOT NULL
    )
    SELECT provider FROM senders WHERE provider IS NOT NULL
$$;
