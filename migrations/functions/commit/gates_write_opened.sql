-- Opens gates; the last row of a gate is how it stands now.
CREATE OR REPLACE FUNCTION gates_write_opened(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO gates (run_id, gate, opening, state, opened_at, deadline, warn_at, approvals)
    SELECT DISTINCT ON (row.run_id, row.gate, row.opening)
           row.run_id, row.gate, row.opening, 'open', a_now, row.deadline, row.warn_at, coalesce(row.approvals, 1)
      FROM ROWS FROM (jsonb_to_recordset(rows) AS (run_id text, gate text, opening integer, state text, deadline timestamptz,
                                                   warn_at timestamptz, approvals integer)) WITH ORDINALITY
           AS row (run_id, gate, opening, state, deadline, warn_at, approvals, place)
     WHERE row.state = 'open' ORDER BY row.run_id, row.gate, row.opening, place DESC
    ON CONFLICT (run_id, gate, opening) DO UPDATE SET deadline = excluded.deadline, warn_at = excluded.warn_at;
END $$;
