-- Closes gates: the rows without the gate's own id.
CREATE OR REPLACE FUNCTION gates_write_closed(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH closed AS (
        UPDATE gates SET state = row.state, decided_at = a_now, decision = row.decision, warn_at = NULL
          FROM jsonb_to_recordset(rows) AS row (run_id text, gate_id text, opening integer, state text, decision jsonb)
         WHERE gates.run_id = row.run_id AND gates.opening = row.opening
           AND gates.decided_at IS NULL AND row.gate_id IS NULL
        RETURNING gates.gate, gates.state, opened_at
    )
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'gate_wait_seconds', format('gate="%s",outcome="%s"', gate, state),
           greatest(0, extract(epoch FROM a_now - opened_at)) FROM closed;
END $$;
