-- Appends events to their runs' timelines.
CREATE OR REPLACE FUNCTION events_append(events jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO run_events (run_id, seq, type, at, actor, body, hash)
    SELECT event.run_id, seq, type, at, actor, body,
           run_chain(coalesce(newest.hash, convert_to(event.run_id, 'UTF8')), body) OVER (PARTITION BY event.run_id ORDER BY seq)
      FROM jsonb_to_recordset(events) AS event (run_id text, seq bigint, type text, at timestamptz, actor text, body text)
           LEFT JOIN LATERAL (SELECT hash FROM run_events WHERE run_events.run_id = event.run_id
                               ORDER BY run_events.seq DESC LIMIT 1) AS newest ON true;
END $$;
