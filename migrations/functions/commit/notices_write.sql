-- The effects of notices, {"run_id", "notice"}, one for each address; true when there are any. Their keys are unique for ever.
CREATE OR REPLACE FUNCTION notices_write(rows jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (key, run_id, kind, provider, payload, state, due_at, created_at, updated_at)
    SELECT format('notify:%s:%s:%s:%s', runs.run_id, notice->>'seq', target.kind, target.address), runs.run_id, 'notify',
           target.kind, jsonb_build_object('address', target.address, 'approver', target.approver,
                                           'is_principal', target.is_principal, 'notice', notice), 'due', a_now, a_now, a_now
      FROM ROWS FROM (jsonb_to_recordset(rows) AS (run_id text, notice jsonb)) WITH ORDINALITY AS row (run_id, notice, place)
           JOIN runs ON runs.run_id = row.run_id CROSS JOIN LATERAL notice_targets(runs, notice) AS target
     ORDER BY place, target.kind, target.address
    ON CONFLICT (key) DO NOTHING;
    RETURN FOUND;
END $$;
