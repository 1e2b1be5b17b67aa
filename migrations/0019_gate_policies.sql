-- What gates' policies need: several approvals, changes asked for, gates that open again.

-- One row for each person at each opening; how many different people an approval takes stands at the gate.
ALTER TABLE hitl_approvals DROP CONSTRAINT IF EXISTS hitl_approvals_run_id_gate_opening_key;
ALTER TABLE hitl_approvals DROP CONSTRAINT IF EXISTS hitl_approvals_one_each;
ALTER TABLE hitl_approvals ADD CONSTRAINT hitl_approvals_one_each UNIQUE (run_id, gate, opening, approver);
ALTER TABLE hitl_approvals DROP CONSTRAINT IF EXISTS hitl_approvals_decision_check;
ALTER TABLE hitl_approvals ADD CONSTRAINT hitl_approvals_decision_check
    CHECK (decision IN ('approved', 'rejected', 'changes_requested'));
ALTER TABLE gates ADD COLUMN IF NOT EXISTS approvals integer NOT NULL DEFAULT 1 CHECK (approvals BETWEEN 1 AND 10);

ALTER TABLE gates DROP CONSTRAINT IF EXISTS gates_state_check;
ALTER TABLE gates ADD CONSTRAINT gates_state_check
    CHECK (state IN ('open', 'approved', 'rejected', 'changes_requested', 'expired', 'closed'));
ALTER TABLE gates DROP CONSTRAINT IF EXISTS gates_decided;
ALTER TABLE gates ADD CONSTRAINT gates_decided CHECK ((state = 'open') = (decided_at IS NULL)
    AND (state IN ('approved', 'rejected', 'changes_requested')) = (decision IS NOT NULL));

-- Gates that wait, the most urgent first: the inbox.
CREATE INDEX IF NOT EXISTS gates_open_by_deadline ON gates (deadline, run_id) WHERE state = 'open';
