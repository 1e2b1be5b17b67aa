-- One row per provider: its limits, which an operator may UPDATE at any time, and the live state of its limits and of
-- its circuit breaker, which only the dispatcher's statements write. docs/effects.md explains both.
--
-- A lane is what limits hold apart: `start` hands something new to a provider, `look` asks about what it has.

CREATE TABLE IF NOT EXISTS provider_states (
    -- `mock` is nobody: it has no limit and cannot fail.
    provider          text PRIMARY KEY CHECK (provider IN ('kieai', 'shotstack', 'upload-post', 'llm', 'mock')),
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
    breaker           text NOT NULL DEFAULT 'closed' CHECK (breaker IN ('closed', 'open', 'half_open')),
    failures          integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    -- Openings since it was last closed: each waits twice as long as the one before.
    openings          integer NOT NULL DEFAULT 0 CHECK (openings >= 0),
    -- When the next probe may go: the end of the wait, or of the lease of a probe that never came back.
    retry_at          timestamptz,
    probe_effect_id   bigint,
    CONSTRAINT provider_states_open CHECK ((breaker = 'closed') = (retry_at IS NULL)),
    CONSTRAINT provider_states_probe CHECK ((breaker = 'half_open') = (probe_effect_id IS NOT NULL))
);

-- kie.ai documents 20 new requests per 10 s and usually 100 tasks at once; Shotstack about 10 requests a second, polls
-- included; upload-post only daily caps per account. The rest is generous.
INSERT INTO provider_states (provider, starts_max, window_seconds, open_jobs_max, in_flight_max) VALUES
    ('kieai', 20, 10, 100, 64),
    ('shotstack', 5, 1, 100, 32),
    ('upload-post', 20, 10, 100, 32),
    ('llm', 100, 10, NULL, 64),
    ('mock', NULL, 10, NULL, NULL)
ON CONFLICT (provider) DO NOTHING;

-- A submission that may have gone out is looked for before it is sent again, so it is no start.
ALTER TABLE outbox ADD COLUMN IF NOT EXISTS lane text NOT NULL
    GENERATED ALWAYS AS (CASE WHEN kind <> 'poll' AND sent_at IS NULL THEN 'start' ELSE 'look' END) STORED;
-- An effect of a provider without a row would never be claimed.
ALTER TABLE outbox DROP CONSTRAINT IF EXISTS outbox_provider;
ALTER TABLE outbox ADD CONSTRAINT outbox_provider
    CHECK (provider IN ('kieai', 'shotstack', 'upload-post', 'llm', 'mock'));
CREATE INDEX IF NOT EXISTS outbox_due_by_lane ON outbox (provider, lane, due_at, effect_id) WHERE state = 'due';
CREATE INDEX IF NOT EXISTS outbox_leased_by_provider ON outbox (provider) WHERE state = 'leased';
CREATE INDEX IF NOT EXISTS outbox_open_looks ON outbox (provider) WHERE state IN ('due', 'leased') AND lane = 'look';

-- Clips planned by the runs that a project started on its newest UTC day; only of projects with a budget.
CREATE TABLE IF NOT EXISTS project_budgets (
    project text PRIMARY KEY,
    day     date NOT NULL,
    clips   integer NOT NULL CHECK (clips >= 0)
);
