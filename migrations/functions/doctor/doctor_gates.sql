-- Gates: open where the run waits; decided by attributed decisions of enough different people, in time.
CREATE OR REPLACE FUNCTION doctor_gates(page text[]) RETURNS TABLE (invariant text, run_id text, detail text)
LANGUAGE sql STABLE AS $$
    WITH said AS (
        SELECT e.run_id, e.seq, e.type, e.data->'data'->>'gate' AS gate, (e.data->'data'->>'opening')::integer AS opening,
               e.data->'data'->>'approver' AS approver, CASE e.data->'data'->>'verdict' WHEN 'approve' THEN 'approved'
               WHEN 'reject' THEN 'rejected' ELSE 'changes_requested' END AS decision
          FROM run_events AS e WHERE e.run_id = ANY (page) AND e.type IN ('gate.voted', 'gate.decided')
    ), decided AS (
        SELECT * FROM said WHERE type = 'gate.decided'
    ), last_said AS (
        SELECT DISTINCT ON (run_id, gate, opening, approver) * FROM said ORDER BY run_id, gate, opening, approver, seq DESC
    )
    SELECT 'gate_differs', r.run_id, format('the run waits at %s, the open gate is %s',
           coalesce(r.state->'gate'->>'gate', 'none'), coalesce(g.gate, 'none'))
      FROM runs AS r LEFT JOIN gates AS g ON g.run_id = r.run_id AND g.state = 'open'
     WHERE r.run_id = ANY (page) AND (r.state->'gate'->>'gate' IS DISTINCT FROM g.gate
           OR r.state->'gate'->>'opening' IS DISTINCT FROM g.opening::text)
    UNION ALL
    SELECT 'gate_without_decision', known.run_id, format('%s (opening %s): gate %s, timeline %s', known.gate, known.opening,
           coalesce(g.state, 'none'), coalesce(d.decision, 'none'))
      FROM (SELECT g.run_id, g.gate, g.opening FROM gates AS g
             WHERE g.run_id = ANY (page) AND g.state IN ('approved', 'rejected', 'changes_requested')
             UNION SELECT d.run_id, d.gate, d.opening FROM decided AS d) AS known
      LEFT JOIN gates AS g USING (run_id, gate, opening)
      LEFT JOIN decided AS d USING (run_id, gate, opening)
     WHERE g.state IS DISTINCT FROM d.decision
    UNION ALL
    SELECT 'gate_without_decision', known.run_id, format('%s (opening %s): %s said %s, the approvals say %s', known.gate,
           known.opening, known.approver, coalesce(s.decision, 'nothing'), coalesce(a.decision, 'nothing'))
      FROM (SELECT s.run_id, s.gate, s.opening, s.approver FROM last_said AS s
             UNION SELECT a.run_id, a.gate, a.opening, a.approver FROM hitl_approvals AS a WHERE a.run_id = ANY (page)) AS known
      LEFT JOIN last_said AS s USING (run_id, gate, opening, approver)
      LEFT JOIN hitl_approvals AS a USING (run_id, gate, opening, approver)
     WHERE s.decision IS DISTINCT FROM a.decision
    UNION ALL
    SELECT 'gate_against_policy', g.run_id, format('%s was %s at %s, its deadline is %s', g.gate, g.state, g.decided_at, g.deadline)
      FROM gates AS g
     WHERE g.run_id = ANY (page) AND ((g.state IN ('approved', 'rejected', 'changes_requested') AND g.decided_at >= g.deadline)
           OR (g.state = 'expired' AND g.decided_at < g.deadline))
    UNION ALL
    SELECT 'gate_against_policy', g.run_id, format('%s was approved by %s of %s people', g.gate, people.count, g.approvals)
      FROM gates AS g CROSS JOIN LATERAL (
           SELECT count(*) FROM hitl_approvals AS a WHERE a.run_id = g.run_id AND a.gate = g.gate
              AND a.opening = g.opening AND a.decision = 'approved') AS people
     WHERE g.run_id = ANY (page) AND g.state = 'approved' AND people.count < g.approvals
$$;
