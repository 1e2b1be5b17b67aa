-- Effects, to be done by a dispatcher; true when one is due at once.
CREATE OR REPLACE FUNCTION effects_write(rows jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    due boolean;
BEGIN
    WITH added AS (
        INSERT INTO outbox (key, run_id, kind, provider, job_id, payload, state, due_at, created_at, updated_at)
        -- A callback that came before its job was known as submitted has already said that there is something to see.
        SELECT key, run_id, kind, provider, job_id, payload, 'due',
               CASE WHEN kind = 'poll' AND (SELECT hint IS NOT NULL FROM jobs WHERE jobs.job_id = row.job_id)
                    THEN a_now ELSE due_at END, a_now, a_now
          FROM ROWS FROM (jsonb_to_recordset(rows) AS (key text, run_id text, kind text, provider text, job_id text, payload jsonb,
                                                       due_at timestamptz)) WITH ORDINALITY
               AS row (key, run_id, kind, provider, job_id, payload, due_at, place) ORDER BY place
        ON CONFLICT (key) DO NOTHING
        RETURNING due_at
    )
    SELECT coalesce(bool_or(due_at <= a_now), false) INTO due FROM added;
    RETURN due;
END $$;
