-- What the operators' verbs need: successors of ended runs, effects that are held while their run is paused, warnings
-- about gates whose time runs out.

-- A successor goes on from an ended run; its key makes opening it twice the same as once.
ALTER TABLE runs ADD COLUMN IF NOT EXISTS parent_run_id text REFERENCES runs (run_id) ON DELETE SET NULL;
ALTER TABLE runs ADD COLUMN IF NOT EXISTS successor_key text;
CREATE UNIQUE INDEX IF NOT EXISTS runs_successor ON runs (parent_run_id, successor_key) WHERE parent_run_id IS NOT NULL;

-- `held` waits for its run to be resumed.
ALTER TABLE outbox DROP CONSTRAINT IF EXISTS outbox_state_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_state_check
    CHECK (state IN ('due', 'leased', 'held', 'done', 'dead', 'cancelled'));
DROP INDEX IF EXISTS outbox_open_by_run;
CREATE INDEX IF NOT EXISTS outbox_live_by_run ON outbox (run_id) WHERE state IN ('due', 'leased', 'held', 'dead');
CREATE INDEX IF NOT EXISTS outbox_held ON outbox (run_id) WHERE state = 'held';
DROP INDEX IF EXISTS outbox_open_by_job;
CREATE INDEX IF NOT EXISTS outbox_by_job ON outbox (job_id) WHERE job_id IS NOT NULL;

-- A successor follows a task that its parent had submitted, so one task may belong to two jobs.
DROP INDEX IF EXISTS jobs_by_task;
CREATE INDEX IF NOT EXISTS jobs_by_provider_task ON jobs (provider, task_id) WHERE task_id IS NOT NULL;

-- Jobs that somebody must still be working on.
CREATE INDEX IF NOT EXISTS jobs_open ON jobs (job_id) WHERE state IN ('requested', 'submitted');
INSERT INTO leases (name, holder, held_until) VALUES ('lost_effects', '', 'epoch') ON CONFLICT (name) DO NOTHING;

-- When the sweep warns; null when it has, or need not.
ALTER TABLE gates ADD COLUMN IF NOT EXISTS warn_at timestamptz;
CREATE INDEX IF NOT EXISTS gates_to_warn ON gates (warn_at, run_id) WHERE warn_at IS NOT NULL AND state = 'open';
