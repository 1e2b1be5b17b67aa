-- What `mw db migrate` has applied to this database. It runs this file first, each time.
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS schema_functions (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    -- A function whose signature changes is dropped before it is made anew.
    signature  text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
-- The newest release that migrated this database.
CREATE TABLE IF NOT EXISTS schema_release (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    release     text NOT NULL,
    migrated_at timestamptz NOT NULL DEFAULT now()
);
