-- Effects that ended, or were lost, are to be done once more. A submission that may have reached its provider stays, or is, marked
-- as sent: it is looked for before anything goes out.
CREATE OR REPLACE FUNCTION effects_rearm(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox AS held (key, run_id, kind, provider, job_id, payload, state, due_at, sent_at, created_at, updated_at)
    SELECT effect->>'key', run_id, effect->>'kind', effect->>'provider', effect->>'job_id', effect->'payload', 'due',
           (effect->>'due_at')::timestamptz, CASE WHEN unanswered THEN a_now END, a_now, a_now
      FROM jsonb_to_recordset(rows) AS row (run_id text, effect jsonb, unanswered boolean)
    ON CONFLICT (key) DO UPDATE
       SET state = 'due', attempt = 0, due_at = excluded.due_at, fence = held.fence + 1, last_error = NULL,
           sent_at = CASE WHEN excluded.sent_at IS NOT NULL THEN coalesce(held.sent_at, excluded.sent_at) END, updated_at = a_now
     WHERE held.state NOT IN ('due', 'leased', 'held');
END $$;
