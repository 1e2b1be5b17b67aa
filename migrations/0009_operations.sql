-- What operators need of the tables: why a delivery is a dead letter and how it ended, sources that sign by Standard
-- Webhooks, and the drain switch.

ALTER TABLE webhook_events DROP CONSTRAINT IF EXISTS webhook_events_provider_check;
ALTER TABLE webhook_events ADD CONSTRAINT webhook_events_provider_check
    CHECK (provider IN ('kieai', 'shotstack', 'upload-post') OR provider ~ '^std:[a-z0-9][a-z0-9-]{0,31}$');
ALTER TABLE webhook_events DROP CONSTRAINT IF EXISTS webhook_events_outcome_check;
ALTER TABLE webhook_events ADD CONSTRAINT webhook_events_outcome_check
    CHECK (outcome IN ('accepted', 'dlq', 'discarded', 'ignored', 'refused'));

-- How a dead letter ended: when, by whom (the sweep, a redelivery, or a person's word) and why.
ALTER TABLE webhook_events ADD COLUMN IF NOT EXISTS settled_at timestamptz;
ALTER TABLE webhook_events ADD COLUMN IF NOT EXISTS settled_by text;
ALTER TABLE webhook_events ADD COLUMN IF NOT EXISTS settled_reason text;
ALTER TABLE webhook_events DROP CONSTRAINT IF EXISTS webhook_events_settled;
ALTER TABLE webhook_events ADD CONSTRAINT webhook_events_settled CHECK (
    (settled_at IS NULL) = (settled_by IS NULL) AND (settled_at IS NULL) = (settled_reason IS NULL)
    AND (outcome <> 'discarded' OR settled_at IS NOT NULL)
    AND (settled_at IS NULL OR outcome IN ('accepted', 'discarded')));

ALTER TABLE webhook_dlq DROP CONSTRAINT IF EXISTS webhook_dlq_error_check;
ALTER TABLE webhook_dlq ADD CONSTRAINT webhook_dlq_error_check
    CHECK (error IN ('unknown_job', 'no_reference', 'ambiguous_account', 'ambiguous_task'));
CREATE INDEX IF NOT EXISTS webhook_dlq_newest ON webhook_dlq (created_at DESC, id DESC);

-- Retention walks ended runs by age.
CREATE INDEX IF NOT EXISTS runs_ended ON runs (finished_at, run_id) WHERE finished_at IS NOT NULL;

-- One row: whether new runs are refused.
CREATE TABLE IF NOT EXISTS drain (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    active   boolean NOT NULL,
    actor    text NOT NULL,
    reason   text,
    since    timestamptz NOT NULL
);
INSERT INTO drain (active, actor, since) VALUES (false, 'system', now()) ON CONFLICT (only_row) DO NOTHING;
