-- Opens gates: the rows with the gate's own id; the last row of a gate is how it stands now.
CREATE OR REPLACE FUNCTION gates_write_opened(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO gates (run_id, gate_id, gate, opening, subject_sha256, state, opened_at, deadline, warn_at, approvals)
    SELECT DISTINCT ON (row.run_id, row.opening)
           row.run_id, row.gate_id, row.gate, row.opening, row.subject_sha256, row.state, a_now, row.deadline, row.warn_at, row.approvals
      FROM ROWS FROM (jsonb_to_recordset(rows) AS (run_id text, gate_id text, gate text, opening integer, subject_sha256 text,
                                                   state text, deadline timestamptz, warn_at timestamptz, approvals integer))
           WITH ORDINALITY
           AS row (run_id, gate_id, gate, opening, subject_sha256, state, deadline, warn_at, approvals, place)
     WHERE row.gate_id IS NOT NULL ORDER BY row.run_id, row.opening, place DESC
    ON CONFLICT (run_id, opening) DO UPDATE SET deadline = excluded.deadline, warn_at = excluded.warn_at;
END $$;
