-- Who decided or voted. Whoever changes an approval into a refusal changes the row.
CREATE OR REPLACE FUNCTION approvals_write(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH recorded AS (
        INSERT INTO hitl_approvals (run_id, gate, opening, decision, approver_ip, approver, channel, metadata, created_at)
        SELECT run_id, decision->>'gate', (decision->>'opening')::integer, state, decision->>'ip', decision->>'approver', decision->>'channel',
               jsonb_strip_nulls(jsonb_build_object('comment', decision->'comment', 'note', decision->'note',
                                                    'user_agent', decision->'user_agent', 'edits', decision->'edits')), a_now
          FROM jsonb_to_recordset(rows) AS row (run_id text, state text, decision jsonb) WHERE decision IS NOT NULL
        ON CONFLICT (run_id, opening, approver) DO UPDATE
           SET decision = excluded.decision, approver_ip = excluded.approver_ip, channel = excluded.channel,
               metadata = excluded.metadata, created_at = excluded.created_at
        RETURNING gate, decision, channel
    )
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'gate_decisions_total', format('gate="%s",decision="%s",channel="%s"', gate, decision, channel), 1 FROM recorded;
END $$;
