-- Indexes that a long history needs, each found by the test of query plans (crates/mw/tests/plans).

-- A project and a status together: with one of them alone, a pair that is rare is looked for in all runs of the other.
CREATE INDEX IF NOT EXISTS runs_by_project_and_status ON runs (project, status, created_at DESC, run_id DESC);

-- Whose artifacts may go.
CREATE INDEX IF NOT EXISTS runs_by_end ON runs (finished_at, run_id) WHERE finished_at IS NOT NULL;

-- What is old enough to go, asked by every sweep. A letter that an operator settled counts from then on.
CREATE INDEX IF NOT EXISTS webhook_events_done_by_age ON webhook_events (coalesce(settled_at, received_at))
    WHERE outcome IN ('accepted', 'discarded', 'ignored');
CREATE INDEX IF NOT EXISTS webhook_events_refused_by_age ON webhook_events (received_at) WHERE outcome = 'refused';
CREATE INDEX IF NOT EXISTS idempotency_keys_by_age ON idempotency_keys (created_at);
