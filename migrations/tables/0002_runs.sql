-- Runs: the state of each, its timeline, and what follows from its events for people and for look-ups. States are words with a
-- CHECK; indexes are partial on literal states. Each index that a long history needs was found by the test of query plans
-- (crates/mw/tests/plans).

-- The name of a gate, as a definition gives it. It stands in paths, links and metrics.
CREATE DOMAIN gate_name AS text CHECK (VALUE ~ '^[a-z][a-z0-9_]{0,39}$');

-- The version guards a run's state, which is the fold of its events.
CREATE TABLE runs (
    run_id        text PRIMARY KEY CHECK (length(run_id) BETWEEN 1 AND 128),
    -- Which words a status may be is the kind's to say: a CHECK for each kind, below.
    kind          text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]{0,39}$'),
    project       text NOT NULL,
    status        text NOT NULL,
    -- How it has ended, in a word that all kinds share.
    ended         text CHECK (ended IN ('done', 'failed', 'cancelled', 'rejected', 'expired')),
    payload       jsonb NOT NULL,
    result        jsonb,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    user_id       text NOT NULL,
    version       bigint NOT NULL CHECK (version > 0),
    state         jsonb NOT NULL,
    -- The gate that opened first, of those at which somebody can decide now: none while the run is paused.
    awaiting_gate gate_name,
    deadline      timestamptz,
    finished_at   timestamptz,
    -- A successor goes on from an ended run; its key makes opening it twice the same as once.
    parent_run_id text REFERENCES runs (run_id) ON DELETE SET NULL,
    successor_key text,
    -- Somebody wrote `failed` into the status, as this role of the database: the next sweep ends the run.
    end_requested_at timestamptz,
    end_requested_by text,
    CONSTRAINT runs_end_requested CHECK ((end_requested_at IS NULL) = (end_requested_by IS NULL)),
    -- A run that has not ended has a deadline; one that has ended has the moment of its end, and no deadline and no gate.
    CONSTRAINT runs_end CHECK ((ended IS NULL) = (finished_at IS NULL) AND (ended IS NULL) = (deadline IS NOT NULL)
        AND (ended IS NULL OR awaiting_gate IS NULL)),
    -- What the kernel ends or pauses stands in the kernel's word.
    CONSTRAINT runs_kernel_status CHECK ((coalesce(ended, 'done') = 'done' OR status = ended)
        AND (status <> 'paused' OR (ended IS NULL AND awaiting_gate IS NULL))),
    CONSTRAINT runs_media_status CHECK (kind <> 'media' OR CASE
        WHEN ended = 'done' THEN status = 'published'
        WHEN ended IS NOT NULL OR status = 'paused' THEN true
        WHEN awaiting_gate IS NOT NULL THEN status IN ('pending_workflow', 'awaiting_ideate', 'awaiting_prepublish', 'awaiting_approval')
        ELSE status IN ('running', 'publishing') END)
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
CREATE INDEX runs_to_end ON runs (end_requested_at, run_id) WHERE end_requested_at IS NOT NULL AND finished_at IS NULL;
-- Runs that wait for a person, the most urgent first.
CREATE INDEX runs_waiting_by_deadline ON runs (deadline, run_id) WHERE awaiting_gate IS NOT NULL;
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
    -- The gate's own id: it stays when the gate opens once more.
    gate_id    text NOT NULL CHECK (length(gate_id) BETWEEN 1 AND 128),
    gate       gate_name NOT NULL,
    opening    integer NOT NULL CHECK (opening > 0),
    -- What is decided about: a decision is about exactly this.
    subject_sha256 text NOT NULL CHECK (subject_sha256 ~ '^[0-9a-f]{64}$'),
    state      text NOT NULL CHECK (state IN ('open', 'approved', 'rejected', 'changes_requested', 'expired', 'withdrawn', 'closed')),
    opened_at  timestamptz NOT NULL,
    deadline   timestamptz NOT NULL,
    decided_at timestamptz,
    decision   jsonb,
    -- When the sweep warns; null when it has, or need not.
    warn_at    timestamptz,
    -- How many different people an approval takes.
    approvals  integer NOT NULL DEFAULT 1 CHECK (approvals BETWEEN 1 AND 10),
    PRIMARY KEY (run_id, opening),
    CONSTRAINT gates_decided CHECK ((state = 'open') = (decided_at IS NULL)
        AND (state IN ('approved', 'rejected', 'changes_requested')) = (decision IS NOT NULL))
);
-- A gate is open once at a time.
CREATE UNIQUE INDEX gates_open_once ON gates (run_id, gate_id) WHERE decided_at IS NULL;
-- Gates that wait, the most urgent first: the inbox.
CREATE INDEX gates_open_by_deadline ON gates (deadline, run_id, opening) WHERE decided_at IS NULL;
CREATE INDEX gates_to_warn ON gates (warn_at, run_id) WHERE warn_at IS NOT NULL AND decided_at IS NULL;

-- Who decided or voted: one row for each person at each opening.
CREATE TABLE hitl_approvals (
    id          bigserial PRIMARY KEY,
    run_id      text NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    gate        gate_name NOT NULL,
    opening     integer NOT NULL,
    decision    text NOT NULL CHECK (decision IN ('approved', 'rejected', 'changes_requested')),
    approver_ip text,
    approver    text NOT NULL,
    channel     text NOT NULL,
    metadata    jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL,
    CONSTRAINT hitl_approvals_one_each UNIQUE (run_id, opening, approver)
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
