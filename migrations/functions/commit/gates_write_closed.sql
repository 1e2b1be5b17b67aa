-- Closes gates.
CREATE OR REPLACE FUNCTION gates_write_closed(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH closed AS (
        UPDATE gates SET state = row.state, decided_at = a_now, decision = row.decision, warn_at = NULL
          FROM jsonb_to_recordset(rows) AS row (run_id text, gate text, opening integer, state text, decision jsonb)
         WHERE gates.run_id = row.run_id AND gates.gate = row.gate AND gates.opening = row.opening
           AND gates.state = 'open' AND row.state <> 'open'
        RETURNING gates.gate, gates.state, opened_at
    )
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'gate_wait_seconds', format('gate="%s",outcome="%s"', gate, state),
           greatest(0, extract(epoch FROM a_now - opened_at)) FROM closed;
END $$;
