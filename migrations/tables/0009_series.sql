-- What the console draws over time: some families of metrics by the minute of the last hour and by the hour of the last day, of all
-- labels together but the provider's. mw_media::metrics::SERIES names them; the sweep writes them where it folds observations.
CREATE TABLE metric_series (
    -- How long a row's time is.
    minutes  smallint NOT NULL CHECK (minutes IN (1, 60)),
    at       timestamptz NOT NULL,
    name     text NOT NULL,
    provider text NOT NULL DEFAULT '',
    count    bigint NOT NULL,
    sum      double precision NOT NULL,
    PRIMARY KEY (minutes, at, name, provider)
);
