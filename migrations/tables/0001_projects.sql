-- What runs are made from, and where they publish.

-- A version of a project never changes.
CREATE TABLE project_versions (
    key        text NOT NULL,
    version    text NOT NULL,
    digest     text NOT NULL,
    definition jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (key, version)
);

-- The version that new runs of a project take.
CREATE TABLE projects (
    key        text PRIMARY KEY,
    version    text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (key, version) REFERENCES project_versions (key, version)
);

-- Clips planned by the runs that a project started on its newest UTC day; only of projects with a budget.
CREATE TABLE project_budgets (
    project text PRIMARY KEY,
    day     date NOT NULL,
    clips   integer NOT NULL CHECK (clips >= 0)
);

-- Accounts that runs publish through.
CREATE TABLE socials (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    provider          text NOT NULL CHECK (provider ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
    account_id        text NOT NULL CHECK (length(account_id) BETWEEN 1 AND 200),
    -- Names a secret; never holds one.
    credential_ref    text,
    default_caption   text,
    default_tags      jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(default_tags) = 'array'),
    privacy           text,
    rate_limit_window integer CHECK (rate_limit_window > 0),
    created_at        timestamptz NOT NULL,
    UNIQUE (provider, account_id)
);

CREATE TABLE project_socials (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project    text NOT NULL REFERENCES projects (key) ON DELETE CASCADE,
    social_id  uuid NOT NULL REFERENCES socials (id) ON DELETE CASCADE,
    is_primary boolean NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (project, social_id)
);
CREATE UNIQUE INDEX project_socials_primary ON project_socials (project) WHERE is_primary;
