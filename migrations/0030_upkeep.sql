-- What operators put in and take out by hand: the accounts that runs publish through (`mw db seed`), and the deletion of
-- whole runs (`mw db purge-runs`).

CREATE TABLE IF NOT EXISTS socials (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    provider          text NOT NULL CHECK (provider IN ('upload-post')),
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

CREATE TABLE IF NOT EXISTS project_socials (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project    text NOT NULL REFERENCES projects (key) ON DELETE CASCADE,
    social_id  uuid NOT NULL REFERENCES socials (id) ON DELETE CASCADE,
    is_primary boolean NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (project, social_id)
);
CREATE UNIQUE INDEX IF NOT EXISTS project_socials_primary ON project_socials (project) WHERE is_primary;

-- {"now", "provider", "account_id", "project"} → {"result": "added" | "unchanged" | "unknown_project"}: the account is
-- the project's primary one.
CREATE OR REPLACE FUNCTION social_seed(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    a_project text := request->>'project';
    social uuid;
BEGIN
    -- Two seeds at once: the second sees what the first did.
    PERFORM FROM projects WHERE key = a_project FOR UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('result', 'unknown_project');
    END IF;
    INSERT INTO socials (provider, account_id, created_at)
    VALUES (request->>'provider', request->>'account_id', a_now) ON CONFLICT DO NOTHING;
    SELECT id INTO social FROM socials
     WHERE provider = request->>'provider' AND account_id = request->>'account_id';
    IF EXISTS (SELECT FROM project_socials WHERE project = a_project AND social_id = social AND is_primary) THEN
        RETURN jsonb_build_object('result', 'unchanged');
    END IF;
    UPDATE project_socials SET is_primary = false WHERE project = a_project AND is_primary;
    INSERT INTO project_socials (project, social_id, is_primary, created_at) VALUES (a_project, social, true, a_now)
    ON CONFLICT (project, social_id) DO UPDATE SET is_primary = true;
    RETURN jsonb_build_object('result', 'added');
END $$;

-- {"run_ids"?, "before"?, "after"?: {"finished_at", "run_id"}, "limit", "dry_run"} → {"purged": [run_id],
-- "kept": [{"run_id", "why": "open" | "open_successor" | "missing"}], "after"}: deletes ended runs with all that belongs
-- to them, by id or a page of those that ended before a moment. One that is open, or that an open successor goes on
-- from, stays.
CREATE OR REPLACE FUNCTION runs_purge(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    wanted text[];
    going text[];
    next jsonb;
    kept jsonb;
BEGIN
    IF request ? 'run_ids' THEN
        wanted := ARRAY(SELECT DISTINCT jsonb_array_elements_text(request->'run_ids'));
    ELSE
        SELECT coalesce(array_agg(run_id), '{}'),
               (array_agg(jsonb_build_object('finished_at', finished_at, 'run_id', run_id)
                          ORDER BY finished_at DESC, run_id DESC))[1]
          INTO wanted, next
          FROM (SELECT run_id, finished_at FROM runs
                 WHERE finished_at < (request->>'before')::timestamptz
                   AND (finished_at, run_id) > (coalesce((request->'after'->>'finished_at')::timestamptz, '-infinity'),
                                                coalesce(request->'after'->>'run_id', ''))
                 ORDER BY finished_at, run_id LIMIT (request->>'limit')::integer) AS page;
    END IF;
    -- No successor opens from a run that is locked: opening one reads the parent for its key.
    PERFORM FROM runs WHERE run_id = ANY (wanted) ORDER BY run_id FOR UPDATE;
    SELECT coalesce(array_agg(id) FILTER (WHERE why IS NULL), '{}'),
           coalesce(jsonb_agg(jsonb_build_object('run_id', id, 'why', why) ORDER BY id) FILTER (WHERE why IS NOT NULL), '[]')
      INTO going, kept
      FROM (SELECT id, CASE WHEN runs.run_id IS NULL THEN 'missing'
                            WHEN runs.finished_at IS NULL THEN 'open'
                            WHEN EXISTS (SELECT FROM runs AS child WHERE child.parent_run_id = id
                                          AND child.finished_at IS NULL) THEN 'open_successor' END AS why
              FROM unnest(wanted) AS id LEFT JOIN runs ON runs.run_id = id) AS weighed;
    IF NOT (request->>'dry_run')::boolean THEN
        DELETE FROM outbox WHERE run_id = ANY (going);
        DELETE FROM jobs WHERE run_id = ANY (going);
        DELETE FROM webhook_events WHERE run_id = ANY (going);
        DELETE FROM chat_messages USING runs
         WHERE runs.run_id = ANY (going) AND chat_messages.user_id = runs.user_id AND chat_messages.run_id = runs.run_id;
        -- A key is as old as its run, and there is an index of ages only.
        DELETE FROM idempotency_keys USING runs
         WHERE runs.run_id = ANY (going) AND idempotency_keys.run_id = runs.run_id AND idempotency_keys.created_at
               BETWEEN runs.created_at - interval '1 hour' AND runs.created_at + interval '1 hour';
        DELETE FROM runs WHERE run_id = ANY (going);
    END IF;
    RETURN jsonb_build_object('purged', to_jsonb(going), 'kept', kept, 'after', next);
END $$;
