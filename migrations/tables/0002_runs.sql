-- Runs: the state of each, its timeline, and what follows from its events for people and for look-ups. States are words with a
-- CHECK; indexes are partial on literal states. Each index that a long history needs was found by the test of query plans
-- (crates/mw/tests/plans).

-- The version guards a run's state, which is the fold of its events.
CREATE TABLE runs (
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
    -- A successor goes on from an ended run; its key makes opening it twice the same as once.
    parent_run_id text REFERENCES runs (run_id) ON DELETE SET NULL,
    successor_key text,
    -- A run that is not ended has a deadline; one that is ended has an end, and no deadline.
    CONSTRAINT runs_terminal CHECK (
        (status IN ('published', 'failed', 'cancelled', 'rejected', 'expired')) = (finished_at IS NOT NULL)
        AND (finished_at IS NULL) = (deadline IS NOT NULL)),
    CONSTRAINT runs_gate CHECK (status = 'paused' OR awaiting_gate IS NOT DISTINCT FROM CASE status
        WHEN 'pending_workflow' THEN 'workflow'
        WHEN 'awaiting_ideate' THEN 'ideate'
        WHEN 'awaiting_prepublish' THEN 'prepublish' END)
)
-- A run is written some twenty times before its end. With room on its page a version that changes no indexed column writes no
-- index either.
WITH (fillfactor = 70);
CREATE INDEX runs_newest ON runs (created_at DESC, run_id DESC);
CREATE INDEX runs_by_status ON runs (status, created_at DESC, run_id DESC);
CREATE INDEX runs_by_project ON runs (project, created_at DESC, run_id DESC);
-- A project and a status together: with one of them alone, a pair that is rare is looked for in all runs of the other.
CREATE INDEX runs_by_project_and_status ON runs (project, status, created_at DESC, run_id DESC);
CREATE INDEX runs_by_user ON runs (user_id, created_at DESC, run_id DESC);
CREATE INDEX runs_open_by_deadline ON runs (deadline, run_id) WHERE finished_at IS NULL;
-- Runs that wait for a person, the most urgent first.
CREATE INDEX runs_waiting_by_deadline ON runs (deadline, run_id)
    WHERE status IN ('pending_workflow', 'awaiting_ideate', 'awaiting_prepublish');
-- Retention walks ended runs by age.
CREATE INDEX runs_by_end ON runs (finished_at, run_id) WHERE finished_at IS NOT NULL;
CREATE UNIQUE INDEX runs_successor ON runs (parent_run_id, successor_key) WHERE parent_run_id IS NOT NULL;

-- The timeline: append-only, hash-chained.
CREATE TABLE run_events (
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

CREATE TABLE artifacts (
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
CREATE INDEX artifacts_by_run ON artifacts (run_id, position);
CREATE INDEX artifacts_by_persona ON artifacts (persona) WHERE persona IS NOT NULL;

CREATE TABLE gates (
    run_id     text NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    gate       text NOT NULL CHECK (gate IN ('workflow', 'ideate', 'prepublish')),
    opening    integer NOT NULL CHECK (opening > 0),
    state      text NOT NULL CHECK (state IN ('open', 'approved', 'rejected', 'changes_requested', 'expired', 'closed')),
    opened_at  timestamptz NOT NULL,
    deadline   timestamptz NOT NULL,
    decided_at timestamptz,
    decision   jsonb,
    -- When the sweep warns; null when it has, or need not.
    warn_at    timestamptz,
    -- How many different people an approval takes.
    approvals  integer NOT NULL DEFAULT 1 CHECK (approvals BETWEEN 1 AND 10),
    PRIMARY KEY (run_id, gate, opening),
    CONSTRAINT gates_decided CHECK ((state = 'open') = (decided_at IS NULL)
        AND (state IN ('approved', 'rejected', 'changes_requested')) = (decision IS NOT NULL))
);
-- A run waits at one gate at a time.
CREATE UNIQUE INDEX gates_one_open ON gates (run_id) WHERE state = 'open';
-- Gates that wait, the most urgent first: the inbox.
CREATE INDEX gates_open_by_deadline ON gates (deadline, run_id) WHERE state = 'open';
CREATE INDEX gates_to_warn ON gates (warn_at, run_id) WHERE warn_at IS NOT NULL AND state = 'open';

-- Who decided or voted: one row for each person at each opening.
CREATE TABLE hitl_approvals (
    id          bigserial PRIMARY KEY,
    run_id      text NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    gate        text NOT NULL,
    opening     integer NOT NULL,
    decision    text NOT NULL CHECK (decision IN ('approved', 'rejected', 'changes_requested')),
    approver_ip text,
    approver    text NOT NULL,
    channel     text NOT NULL,
    metadata    jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL,
    CONSTRAINT hitl_approvals_one_each UNIQUE (run_id, gate, opening, approver)
);
CREATE INDEX hitl_approvals_newest ON hitl_approvals (created_at DESC);

-- The answer to a start that is sent again.
CREATE TABLE idempotency_keys (
    caller      text NOT NULL,
    key         text NOT NULL,
    fingerprint text NOT NULL,
    run_id      text NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- The runbook's last known state of each run.
CREATE VIEW orchestration_checkpoints AS
    SELECT run_id, state, updated_at FROM runs;
