-- The tables of MyloWare. Map:
--   projects, project_versions   what runs are made from; a version never changes
--   runs                         the state of each run, guarded by version; runs.state is the fold of run_events
--   run_events                   the timeline: append-only, hash-chained
--   artifacts, gates, hitl_approvals, jobs   what follows from events, for people and for look-ups
--   outbox                       effects: work for the dispatcher, claimed under a lease with a fencing token
--   webhook_events, webhook_dlq   what providers sent
--   chat_messages, idempotency_keys, rate_limits, leases, metric_totals, metric_observations
-- States are words with a CHECK; indexes are partial on literal states. Every file here may be repeated.

CREATE TABLE IF NOT EXISTS project_versions (
    key        text NOT NULL,
    version    text NOT NULL,
    digest     text NOT NULL,
    definition jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (key, version)
);

CREATE TABLE IF NOT EXISTS projects (
    key        text PRIMARY KEY,
    version    text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (key, version) REFERENCES project_versions (key, version)
);

CREATE TABLE IF NOT EXISTS runs (
    run_id        text PRIMARY KEY CHECK (length(run_id) BETWEEN 1 AND 128),
    project       text NOT NULL,
    status        text NOT NULL CHECK (status IN ('pending_workflow', 'running', 'awaiting_ideate',
                      'awaiting_prepublish', 'publishing', 'paused', 'published', 'failed', 'cancelled', 'rejected',
                      'expired')),
    payload       jsonb NOT NULL,
    result        jsonb,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    user_id       text NOT NULL,
    version       bigint NOT NULL CHECK (version > 0),
    state         jsonb NOT NULL,
    awaiting_gate text CHECK (awaiting_gate IN ('workflow', 'ideate', 'prepublish')),
    deadline      timestamptz,
    finished_at   timestamptz,
    -- A run that is not ended has a deadline; one that is ended has an end, and no deadline.
    CONSTRAINT runs_terminal CHECK (
        (status IN ('published', 'failed', 'cancelled', 'rejected', 'expired')) = (finished_at IS NOT NULL)
        AND (finished_at IS NULL) = (deadline IS NOT NULL)),
    CONSTRAINT runs_gate CHECK (status = 'paused' OR awaiting_gate IS NOT DISTINCT FROM CASE status
        WHEN 'pending_workflow' THEN 'workflow'
        WHEN 'awaiting_ideate' THEN 'ideate'
        WHEN 'awaiting_prepublish' THEN 'prepublish' END)
);
CREATE INDEX IF NOT EXISTS runs_newest ON runs (created_at DESC, run_id DESC);
CREATE INDEX IF NOT EXISTS runs_by_status ON runs (status, created_at DESC, run_id DESC);
CREATE INDEX IF NOT EXISTS runs_by_project ON runs (project, created_at DESC, run_id DESC);
CREATE INDEX IF NOT EXISTS runs_by_user ON runs (user_id, created_at DESC, run_id DESC);
CREATE INDEX IF NOT EXISTS runs_open_by_deadline ON runs (deadline, run_id) WHERE finished_at IS NULL;

CREATE TABLE IF NOT EXISTS run_events (
    run_id text NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    seq    bigint NOT NULL CHECK (seq > 0),
    type   text NOT NULL,
    at     timestamptz NOT NULL,
    actor  text NOT NULL,
    -- The event as it was decided; the hash covers these bytes, which jsonb would reorder.
    body   text NOT NULL,
    data   jsonb NOT NULL GENERATED ALWAYS AS (body::jsonb) STORED,
    hash   bytea NOT NULL,
    PRIMARY KEY (run_id, seq)
);

CREATE TABLE IF NOT EXISTS artifacts (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    run_id           text NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    type             text NOT NULL,
    url              text,
    provider         text NOT NULL,
    checksum         text,
    metadata         jsonb NOT NULL DEFAULT '{}',
    persona          text,
    retrieval_trace  jsonb,
    prompt_signature text,
    tool_invocations jsonb,
    created_at       timestamptz NOT NULL,
    -- Order within a run: artifacts of one transition share a time.
    position         bigint GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX IF NOT EXISTS artifacts_by_run ON artifacts (run_id, position);
CREATE INDEX IF NOT EXISTS artifacts_by_persona ON artifacts (persona) WHERE persona IS NOT NULL;

CREATE TABLE IF NOT EXISTS gates (
    run_id     text NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    gate       text NOT NULL CHECK (gate IN ('workflow', 'ideate', 'prepublish')),
    opening    integer NOT NULL CHECK (opening > 0),
    state      text NOT NULL CHECK (state IN ('open', 'approved', 'rejected', 'expired', 'closed')),
    opened_at  timestamptz NOT NULL,
    deadline   timestamptz NOT NULL,
    decided_at timestamptz,
    decision   jsonb,
    PRIMARY KEY (run_id, gate, opening),
    CONSTRAINT gates_decided CHECK ((state = 'open') = (decided_at IS NULL)
        AND (state IN ('approved', 'rejected')) = (decision IS NOT NULL))
);
-- A run waits at one gate at a time.
CREATE UNIQUE INDEX IF NOT EXISTS gates_one_open ON gates (run_id) WHERE state = 'open';

CREATE TABLE IF NOT EXISTS hitl_approvals (
    id          bigserial PRIMARY KEY,
    run_id      text NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    gate        text NOT NULL,
    opening     integer NOT NULL,
    decision    text NOT NULL CHECK (decision IN ('approved', 'rejected')),
    approver_ip text,
    approver    text NOT NULL,
    channel     text NOT NULL,
    metadata    jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL,
    -- First write wins.
    UNIQUE (run_id, gate, opening)
);
CREATE INDEX IF NOT EXISTS hitl_approvals_newest ON hitl_approvals (created_at DESC);

CREATE TABLE IF NOT EXISTS jobs (
    job_id     text PRIMARY KEY,
    run_id     text NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    kind       text NOT NULL CHECK (kind IN ('generate', 'render', 'publish')),
    provider   text NOT NULL CHECK (provider IN ('kieai', 'shotstack', 'upload-post')),
    state      text NOT NULL CHECK (state IN ('requested', 'submitted', 'succeeded', 'failed', 'fenced')),
    task_id    text,
    account    text,
    -- What a callback said of it: believed only after the provider confirms it.
    hint       jsonb,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT jobs_submitted CHECK (state NOT IN ('submitted', 'succeeded') OR task_id IS NOT NULL)
);
CREATE UNIQUE INDEX IF NOT EXISTS jobs_by_task ON jobs (provider, task_id) WHERE task_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_by_run ON jobs (run_id);
CREATE INDEX IF NOT EXISTS jobs_open_by_account ON jobs (account) WHERE state IN ('requested', 'submitted') AND account IS NOT NULL;

CREATE TABLE IF NOT EXISTS outbox (
    effect_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text NOT NULL UNIQUE,
    run_id     text NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    kind       text NOT NULL CHECK (kind IN ('persona', 'submit', 'poll')),
    provider   text NOT NULL,
    job_id     text REFERENCES jobs (job_id) ON DELETE CASCADE,
    payload    jsonb NOT NULL,
    state      text NOT NULL CHECK (state IN ('due', 'leased', 'done', 'dead', 'cancelled')),
    attempt    integer NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL,
    -- Rises with every claim: a finalisation with an older one changes nothing.
    fence      bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    -- Set before a submission goes out, cleared when it is known not to have: set means "may have reached them".
    sent_at    timestamptz,
    -- A callback came while the effect was leased: look again at once.
    poked      boolean NOT NULL DEFAULT false,
    last_error text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT outbox_lease CHECK ((state = 'leased') = (lease_until IS NOT NULL)),
    CONSTRAINT outbox_sent CHECK (sent_at IS NULL OR kind = 'submit')
);
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (due_at, effect_id) WHERE state = 'due';
CREATE INDEX IF NOT EXISTS outbox_leased ON outbox (lease_until) WHERE state = 'leased';
CREATE INDEX IF NOT EXISTS outbox_open_by_run ON outbox (run_id) WHERE state IN ('due', 'leased');
CREATE INDEX IF NOT EXISTS outbox_open_by_job ON outbox (job_id) WHERE state IN ('due', 'leased');

-- What providers sent. Accepted deliveries are unique by their key; refused ones are one row per provider and body,
-- counted, cut to 4 KB and kept for a day: they burn no key.
CREATE TABLE IF NOT EXISTS webhook_events (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    idempotency_key  text NOT NULL,
    provider         text NOT NULL CHECK (provider IN ('kieai', 'shotstack', 'upload-post')),
    headers          jsonb NOT NULL,
    query            text NOT NULL DEFAULT '',
    payload          bytea NOT NULL,
    signature_status text NOT NULL CHECK (signature_status IN ('valid', 'invalid', 'missing', 'unsigned')),
    outcome          text NOT NULL CHECK (outcome IN ('accepted', 'dlq', 'ignored', 'refused')),
    received_at      timestamptz NOT NULL,
    count            bigint NOT NULL DEFAULT 1,
    run_id           text,
    job_id           text,
    CONSTRAINT webhook_events_refused CHECK (
        (outcome = 'refused') = (signature_status IN ('invalid', 'missing'))
        AND (outcome <> 'refused' OR length(payload) <= 4096))
);
CREATE UNIQUE INDEX IF NOT EXISTS webhook_events_accepted ON webhook_events (provider, idempotency_key) WHERE outcome <> 'refused';
CREATE UNIQUE INDEX IF NOT EXISTS webhook_events_refused ON webhook_events (provider, idempotency_key) WHERE outcome = 'refused';
CREATE INDEX IF NOT EXISTS webhook_events_newest ON webhook_events (received_at DESC);
CREATE INDEX IF NOT EXISTS webhook_events_by_run ON webhook_events (run_id, received_at) WHERE run_id IS NOT NULL;

CREATE TABLE IF NOT EXISTS webhook_dlq (
    id              uuid PRIMARY KEY REFERENCES webhook_events (id) ON DELETE CASCADE,
    idempotency_key text NOT NULL,
    provider        text NOT NULL,
    headers         jsonb NOT NULL,
    payload         bytea NOT NULL,
    match           jsonb NOT NULL,
    error           text NOT NULL CHECK (error IN ('unknown_job')),
    retry_count     integer NOT NULL DEFAULT 0,
    next_retry_at   timestamptz,
    last_error_at   timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    UNIQUE (idempotency_key, provider)
);
CREATE INDEX IF NOT EXISTS webhook_dlq_due ON webhook_dlq (next_retry_at, id) WHERE next_retry_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS chat_messages (
    message_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    text NOT NULL,
    role       text NOT NULL CHECK (role IN ('user', 'brendan', 'notice')),
    content    text NOT NULL,
    run_id     text,
    gate       text,
    -- A notice is told once, in the next answer.
    told_at    timestamptz,
    created_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS chat_messages_by_user ON chat_messages (user_id, message_id DESC);
CREATE INDEX IF NOT EXISTS chat_messages_untold ON chat_messages (user_id, message_id) WHERE role = 'notice' AND told_at IS NULL;

CREATE TABLE IF NOT EXISTS idempotency_keys (
    caller      text NOT NULL,
    key         text NOT NULL,
    fingerprint text NOT NULL,
    run_id      text NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (caller, key)
);

-- Counts of the current window; nothing depends on them after a crash.
CREATE UNLOGGED TABLE IF NOT EXISTS rate_limits (
    name         text NOT NULL,
    caller       text NOT NULL,
    window_start timestamptz NOT NULL,
    count        integer NOT NULL,
    PRIMARY KEY (name, caller)
);

CREATE TABLE IF NOT EXISTS leases (
    name            text PRIMARY KEY,
    holder          text NOT NULL,
    fence           bigint NOT NULL DEFAULT 0,
    held_until      timestamptz NOT NULL,
    last_success_at timestamptz,
    last_report     jsonb
);

-- Totals of counters and histograms; observations are folded into them by the sweep.
CREATE TABLE IF NOT EXISTS metric_totals (
    name   text NOT NULL,
    labels text NOT NULL,
    value  double precision NOT NULL,
    PRIMARY KEY (name, labels)
);

CREATE UNLOGGED TABLE IF NOT EXISTS metric_observations (
    observation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           text NOT NULL,
    labels         text NOT NULL,
    value          double precision NOT NULL
);

-- The runbook's last known state of each run.
CREATE OR REPLACE VIEW orchestration_checkpoints AS
    SELECT run_id, state, updated_at FROM runs;

INSERT INTO leases (name, holder, held_until) VALUES ('kick', '', 'epoch'), ('sweep', '', 'epoch')
ON CONFLICT (name) DO NOTHING;
