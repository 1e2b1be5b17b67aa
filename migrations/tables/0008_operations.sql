-- What the service itself needs: leases, the drain switch, limits and metrics.

-- Who sweeps, that a kick is on its way, and where the look for lost effects stands.
CREATE TABLE leases (
    name            text PRIMARY KEY,
    holder          text NOT NULL,
    fence           bigint NOT NULL DEFAULT 0,
    held_until      timestamptz NOT NULL,
    last_success_at timestamptz,
    last_report     jsonb
);
INSERT INTO leases (name, holder, held_until) VALUES ('kick', '', 'epoch'), ('sweep', '', 'epoch'), ('lost_effects', '', 'epoch');

-- One row: whether new runs are refused.
CREATE TABLE drain (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    active   boolean NOT NULL,
    actor    text NOT NULL,
    reason   text,
    since    timestamptz NOT NULL
);
INSERT INTO drain (active, actor, since) VALUES (false, 'system', now());

-- Counts of the current window; nothing depends on them after a crash.
CREATE UNLOGGED TABLE rate_limits (
    name         text NOT NULL,
    caller       text NOT NULL,
    window_start timestamptz NOT NULL,
    count        integer NOT NULL,
    PRIMARY KEY (name, caller)
);
CREATE INDEX rate_limits_by_age ON rate_limits (window_start);

-- Observations are written beside the work that they count and folded by the sweep into the totals and histograms below.
-- mw_media::metrics names every family and says which are histograms, with which bounds.
CREATE UNLOGGED TABLE metric_observations (
    observation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           text NOT NULL,
    labels         text NOT NULL,
    value          double precision NOT NULL,
    -- Whose request it was, for the families that are also kept by run.
    run_id         text
);

-- Totals of counters.
CREATE TABLE metric_totals (
    name   text NOT NULL,
    labels text NOT NULL,
    value  double precision NOT NULL,
    PRIMARY KEY (name, labels)
);

-- How many observations fell into each bucket, by its upper bound, and their sum. A row of a run repeats what its row without one
-- ('') counts, so that it may go when newer runs come.
CREATE TABLE metric_histograms (
    name   text NOT NULL,
    labels text NOT NULL,
    run_id text NOT NULL DEFAULT '',
    le     double precision NOT NULL,
    count  bigint NOT NULL,
    sum    double precision NOT NULL,
    PRIMARY KEY (name, labels, run_id, le)
);
