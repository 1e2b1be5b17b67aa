-- Submissions that ended go out once more.
CREATE OR REPLACE FUNCTION submissions_rearm(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox SET state = 'due', attempt = 0, due_at = a_now, fence = fence + 1, last_error = NULL,
           sent_at = CASE WHEN unanswered THEN sent_at END, updated_at = a_now
      FROM jsonb_to_recordset(rows) AS row (job_id text, unanswered boolean)
     WHERE outbox.job_id = row.job_id AND kind = 'submit' AND state IN ('dead', 'done');
END $$;
