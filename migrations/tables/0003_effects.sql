-- Effects: the providers' jobs, the outbox of work for the dispatcher, and what is known of each provider.

CREATE TABLE provider_jobs (
    job_id     text PRIMARY KEY,
    run_id     text NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    -- What it makes, in a word of the run's kind.
    kind       text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]{0,39}$'),
    -- Who makes it: a name of provider_states, as the run's definition has it.
    provider   text NOT NULL CHECK (provider ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
    state      text NOT NULL CHECK (state IN ('requested', 'submitted', 'succeeded', 'failed', 'fenced')),
    task_id    text,
    account    text,
    -- What a callback said of it: believed only after the provider confirms it.
    hint       jsonb,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    -- Somebody must still be working on it.
    is_open    boolean NOT NULL GENERATED ALWAYS AS (state IN ('requested', 'submitted')) STORED,
    CONSTRAINT jobs_submitted CHECK (state NOT IN ('submitted', 'succeeded') OR task_id IS NOT NULL)
);
CREATE INDEX jobs_by_run ON provider_jobs (run_id);
-- A successor follows a task that its parent had submitted, so one task may belong to two jobs.
CREATE INDEX jobs_by_provider_task ON provider_jobs (provider, task_id) WHERE task_id IS NOT NULL;
CREATE INDEX jobs_open_by_account ON provider_jobs (account) WHERE is_open AND account IS NOT NULL;
CREATE INDEX jobs_open ON provider_jobs (job_id) WHERE is_open;

-- Effects: claimed under a lease with a fencing token.
CREATE TABLE outbox (
    effect_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text NOT NULL UNIQUE,
    run_id     text NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    kind       text NOT NULL CHECK (kind IN ('persona', 'submit', 'poll', 'own', 'notify', 'trace', 'report')),
    -- A name of provider_states: an effect of another is never claimed. No foreign key, which would lock the provider's row with
    -- every effect.
    provider   text NOT NULL CHECK (provider ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
    job_id     text REFERENCES provider_jobs (job_id) ON DELETE CASCADE,
    payload    jsonb NOT NULL,
    -- `held` waits for its run to be resumed; `fenced` means that its run has ended.
    state      text NOT NULL CHECK (state IN ('due', 'leased', 'held', 'done', 'dead', 'fenced')),
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
    -- What limits it: `start` asks a provider for something new, `look` asks about what it has. A submission that may have gone
    -- out is looked for before it is sent again, so it is no start.
    lane       text NOT NULL
        GENERATED ALWAYS AS (CASE WHEN kind <> 'poll' AND sent_at IS NULL THEN 'start' ELSE 'look' END) STORED,
    -- To be done, under way, or dead: whoever looks for what a run waits for finds it.
    is_live    boolean NOT NULL GENERATED ALWAYS AS (state IN ('due', 'leased', 'held', 'dead')) STORED,
    CONSTRAINT outbox_lease CHECK ((state = 'leased') = (lease_until IS NOT NULL)),
    CONSTRAINT outbox_sent CHECK (sent_at IS NULL OR kind = 'submit')
);
CREATE INDEX outbox_due ON outbox (due_at, effect_id) WHERE state = 'due';
CREATE INDEX outbox_due_by_lane ON outbox (provider, lane, due_at, effect_id) WHERE state = 'due';
CREATE INDEX outbox_leased ON outbox (lease_until) WHERE state = 'leased';
CREATE INDEX outbox_leased_by_provider ON outbox (provider) WHERE state = 'leased';
CREATE INDEX outbox_open_looks ON outbox (provider) WHERE state IN ('due', 'leased') AND lane = 'look';
CREATE INDEX outbox_live_by_run ON outbox (run_id) WHERE is_live;
CREATE INDEX outbox_held ON outbox (run_id) WHERE state = 'held';
CREATE INDEX outbox_by_job ON outbox (job_id) WHERE job_id IS NOT NULL;
-- Dead notices, for a replay.
CREATE INDEX outbox_untold ON outbox (effect_id) WHERE state = 'dead' AND kind = 'notify';

-- One row per provider, registered from the code's list by providers_register: its limits, which an operator may UPDATE at any
-- time, and the live state of its limits and of its circuit breaker, which only the dispatcher's statements write.
-- docs/effects.md explains both.
CREATE TABLE provider_states (
    -- `mock` is nobody: it has no limit and cannot fail.
    provider          text PRIMARY KEY CHECK (provider ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
    -- The family of metrics of how long its jobs take; null where it makes none.
    job_seconds       text,
    -- The kind of export that goes there.
    takes_export      text UNIQUE CHECK (takes_export IN ('trace', 'report')),
    -- Starts in any sliding window; NULL is without limit, 0 lets nothing start.
    starts_max        integer CHECK (starts_max >= 0),
    window_seconds    integer NOT NULL DEFAULT 10 CHECK (window_seconds > 0),
    -- Jobs that the provider has and has not ended.
    open_jobs_max     integer CHECK (open_jobs_max >= 0),
    -- Effects under a lease.
    in_flight_max     integer CHECK (in_flight_max >= 0),
    -- Failures in a row that open the breaker, and how long it stays open the first time.
    breaker_failures  integer NOT NULL DEFAULT 5 CHECK (breaker_failures > 0),
    breaker_seconds   integer NOT NULL DEFAULT 30 CHECK (breaker_seconds > 0),

    -- Times of the starts of the last window, ascending.
    starts            timestamptz[] NOT NULL DEFAULT '{}',
    -- A provider that said Retry-After is left alone until then, lane by lane.
    start_held_until  timestamptz NOT NULL DEFAULT '-infinity',
    look_held_until   timestamptz NOT NULL DEFAULT '-infinity',
    failures          integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    -- Openings since it was last closed: each waits twice as long as the one before.
    openings          integer NOT NULL DEFAULT 0 CHECK (openings >= 0),
    -- When the next probe may go: the end of the wait, or of the lease of a probe that never came back. None while all is well.
    retry_at          timestamptz,
    -- The one effect that may try the provider now.
    probe_effect_id   bigint,
    -- The breaker in a word.
    breaker           text NOT NULL GENERATED ALWAYS AS (CASE WHEN retry_at IS NULL THEN 'closed'
                          WHEN probe_effect_id IS NULL THEN 'open' ELSE 'half_open' END) STORED,
    CONSTRAINT provider_states_probe CHECK (probe_effect_id IS NULL OR retry_at IS NOT NULL)
);

-- Which exports somebody wants: of a run's trace (`trace`), of failures and dead effects (`report`).
-- A commit does not know the configuration, so each sweep that has one says so here, for a day: nothing is written where
-- nothing is configured, and hosts of a rolling restart do not undo each other. docs/traces.md.
CREATE TABLE exports (
    kind         text PRIMARY KEY CHECK (kind IN ('trace', 'report')),
    wanted_until timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO exports (kind) VALUES ('trace'), ('report');
