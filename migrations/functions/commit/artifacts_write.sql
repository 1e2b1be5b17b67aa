-- Artifacts; those of type `notification` are told in the conversation of their user, too.
CREATE OR REPLACE FUNCTION artifacts_write(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO artifacts (run_id, type, url, provider, checksum, metadata, persona, created_at)
    SELECT run_id, type, url, provider, checksum, coalesce(metadata, '{}'), persona, a_now
      FROM ROWS FROM (jsonb_to_recordset(rows) AS (run_id text, type text, url text, provider text, checksum text, metadata jsonb,
                                                   persona text)) WITH ORDINALITY
           AS row (run_id, type, url, provider, checksum, metadata, persona, place) ORDER BY place;
    IF rows @> '[{"type": "notification"}]' THEN
        INSERT INTO chat_messages (user_id, role, content, run_id, gate, created_at)
        SELECT metadata->>'user_id', 'notice', metadata->>'message', run_id, metadata->>'gate', a_now
          FROM jsonb_to_recordset(rows) AS row (run_id text, type text, metadata jsonb) WHERE type = 'notification';
    END IF;
END $$;
