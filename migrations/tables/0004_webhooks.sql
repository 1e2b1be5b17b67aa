-- What providers sent. Nothing in a delivery changes a run: it makes a job due for a look.
--
-- A stranger is whoever sends a delivery whose body no signature covers: some providers sign nothing, others a task and a time,
-- and a refused delivery anybody may have sent. Such a delivery pokes the job that it names; what is stored of it is
-- small, comes out of a budget (strangers_take), and ends by itself.

-- Accepted deliveries are unique by their key; refused ones are one row per provider, body and signature status, counted, cut to
-- 4 KB and kept for a day: they burn no key.
CREATE TABLE webhook_events (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    idempotency_key  text NOT NULL,
    provider         text NOT NULL
        CHECK (provider ~ '^(std:)?[a-z0-9][a-z0-9_-]{0,31}$'),
    headers          jsonb NOT NULL,
    query            text NOT NULL DEFAULT '',
    -- Kept only where somebody may read it: of senders who sign it, and the beginning of a dead letter's and of a refused one's.
    payload          bytea NOT NULL,
    signature_status text NOT NULL CHECK (signature_status IN ('valid', 'invalid', 'missing', 'unsigned')),
    outcome          text NOT NULL CHECK (outcome IN ('accepted', 'dlq', 'discarded', 'ignored', 'refused')),
    received_at      timestamptz NOT NULL,
    count            bigint NOT NULL DEFAULT 1,
    run_id           text,
    job_id           text,
    -- How a dead letter ended: when, by whom (the sweep, a redelivery, or a person's word) and why.
    settled_at       timestamptz,
    settled_by       text,
    settled_reason   text,
    -- Size of the whole body.
    payload_bytes    integer,
    CONSTRAINT webhook_events_refused CHECK (
        (outcome = 'refused') = (signature_status IN ('invalid', 'missing'))
        AND (outcome <> 'refused' OR length(payload) <= 4096)),
    CONSTRAINT webhook_events_settled CHECK (
        (settled_at IS NULL) = (settled_by IS NULL) AND (settled_at IS NULL) = (settled_reason IS NULL)
        AND (outcome <> 'discarded' OR settled_at IS NOT NULL)
        AND (settled_at IS NULL OR outcome IN ('accepted', 'discarded')))
);
CREATE UNIQUE INDEX webhook_events_accepted ON webhook_events (provider, idempotency_key) WHERE outcome <> 'refused';
CREATE UNIQUE INDEX webhook_events_refused ON webhook_events (provider, idempotency_key, signature_status) WHERE outcome = 'refused';
CREATE INDEX webhook_events_newest_first ON webhook_events (received_at DESC, id DESC);
CREATE INDEX webhook_events_refused_newest ON webhook_events (received_at DESC, id DESC) WHERE outcome = 'refused';
CREATE INDEX webhook_events_by_run ON webhook_events (run_id, received_at) WHERE run_id IS NOT NULL;
-- What is old enough to go, asked by every sweep. A dead letter that an operator settled counts from then on.
CREATE INDEX webhook_events_done_by_age ON webhook_events (coalesce(settled_at, received_at))
    WHERE outcome IN ('accepted', 'discarded', 'ignored');
CREATE INDEX webhook_events_refused_by_age ON webhook_events (received_at) WHERE outcome = 'refused';

-- Dead letters: deliveries that matched no job. Headers and body are the receipt's; the columns here stay empty.
CREATE TABLE webhook_dlq (
    id              uuid PRIMARY KEY REFERENCES webhook_events (id) ON DELETE CASCADE,
    idempotency_key text NOT NULL,
    provider        text NOT NULL,
    headers         jsonb NOT NULL,
    payload         bytea NOT NULL,
    match           jsonb NOT NULL,
    error           text NOT NULL CHECK (error IN ('unknown_job', 'no_reference', 'ambiguous_account', 'ambiguous_task')),
    retry_count     integer NOT NULL DEFAULT 0,
    next_retry_at   timestamptz,
    last_error_at   timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    -- When the sweep discards a stranger's dead letter; null where the sender signed the body: that one waits for somebody to
    -- settle it.
    expires_at      timestamptz,
    UNIQUE (idempotency_key, provider)
);
CREATE INDEX webhook_dlq_due ON webhook_dlq (next_retry_at, id) WHERE next_retry_at IS NOT NULL;
CREATE INDEX webhook_dlq_newest ON webhook_dlq (created_at DESC, id DESC);
CREATE INDEX webhook_dlq_expiring ON webhook_dlq (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX webhook_dlq_by_provider ON webhook_dlq (provider, created_at DESC, id DESC);
CREATE INDEX webhook_dlq_by_reason ON webhook_dlq (error, created_at DESC, id DESC);
CREATE INDEX webhook_dlq_exhausted ON webhook_dlq (created_at DESC, id DESC) WHERE next_retry_at IS NULL;
