-- What is told to the outside of a run that has ended: its trace to a collector (kind `trace`), its failure and every effect
-- that was given up to Sentry (kind `report`). docs/traces.md.

-- Which of the two somebody wants. A commit does not know the configuration, so each sweep that has one says so here, for
-- a day: nothing is written where nothing is configured, and hosts of a rolling restart do not undo each other.
CREATE TABLE IF NOT EXISTS exports (
    kind         text PRIMARY KEY CHECK (kind IN ('trace', 'report')),
    wanted_until timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO exports (kind) VALUES ('trace'), ('report') ON CONFLICT (kind) DO NOTHING;

-- A collector that hangs holds few effects at a time; a dispatcher has room for 32.
INSERT INTO provider_states (provider, starts_max, window_seconds, open_jobs_max, in_flight_max) VALUES
    ('otlp', NULL, 10, NULL, 4),
    ('sentry', 20, 1, NULL, 4)
ON CONFLICT (provider) DO NOTHING;

-- {"trace", "report"}: renewed when an hour of the day is over, so that most sweeps write nothing.
CREATE OR REPLACE FUNCTION exports_want(wanted jsonb, a_now timestamptz) RETURNS void
LANGUAGE sql AS $$
    UPDATE exports SET wanted_until = a_now + interval '1 day'
     WHERE (wanted->>kind)::boolean AND wanted_until < a_now + interval '23 hours'
$$;

-- Adds an export, where it is wanted; its key is unique for ever. Its time bounds how long it is tried.
CREATE OR REPLACE FUNCTION export_add(a_kind text, a_key text, a_run_id text, payload jsonb, a_now timestamptz)
    RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (key, run_id, kind, provider, payload, state, due_at, created_at, updated_at)
    SELECT format('%s:%s', kind, a_key), a_run_id, kind, CASE kind WHEN 'trace' THEN 'otlp' ELSE 'sentry' END,
           payload || jsonb_build_object('at', a_now), 'due', a_now, a_now, a_now
      FROM exports WHERE kind = a_kind AND wanted_until > a_now
    ON CONFLICT (key) DO NOTHING;
    RETURN FOUND;
END $$;

-- The exports of a run that ends now; true when there are any. A trace goes as far as the end: what is attached later is no
-- part of it.
CREATE OR REPLACE FUNCTION export_end(run jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    a_run_id text := run->>'run_id';
    traced boolean := export_add('trace', a_run_id, a_run_id, jsonb_build_object('through', run->'version'), a_now);
BEGIN
    RETURN (run->>'status' = 'failed' AND export_add('report', 'run:' || a_run_id, a_run_id, '{}', a_now))
           OR traced;
END $$;

-- The report of an effect that was given up. An export that was given up is not reported, or one dead end would feed the other.
CREATE OR REPLACE FUNCTION export_death(an_effect_id bigint, a_now timestamptz) RETURNS void
LANGUAGE sql AS $$
    SELECT export_add('report', format('effect:%s:%s', effect_id, fence), run_id,
                      jsonb_build_object('effect', jsonb_build_object('effect_id', effect_id, 'kind', kind, 'provider',
                          provider, 'attempt', attempt, 'error', left(coalesce(last_error, 'given up'), 500))), a_now)
      FROM outbox WHERE effect_id = an_effect_id AND kind NOT IN ('trace', 'report')
$$;
