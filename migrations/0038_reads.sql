-- What requests read, one statement each. A limiter's count rides in the statement that loads.

-- Takes one from a limit: {"name", "caller", "limit", "window_seconds"} → what is left.
CREATE OR REPLACE FUNCTION rate_take(a_limit jsonb, a_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    span interval := make_interval(secs => (a_limit->>'window_seconds')::integer);
    allowed integer := (a_limit->>'limit')::integer;
    taken record;
BEGIN
    IF a_limit IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO rate_limits AS held (name, caller, window_start, count)
    VALUES (a_limit->>'name', a_limit->>'caller', a_now, 1)
    ON CONFLICT (name, caller) DO UPDATE SET
        count = CASE WHEN held.window_start + span <= a_now THEN 1 ELSE held.count + 1 END,
        window_start = CASE WHEN held.window_start + span <= a_now THEN a_now ELSE held.window_start END
    RETURNING held.count, held.window_start INTO taken;
    IF taken.count > allowed THEN
        INSERT INTO metric_observations (name, labels, value)
        VALUES ('api_rate_limited_requests_total', format('name="%s"', a_limit->>'name'), 1);
    END IF;
    RETURN jsonb_build_object('allowed', taken.count <= allowed, 'limit', allowed,
        'remaining', greatest(allowed - taken.count, 0),
        'reset_seconds', greatest(1, ceil(extract(epoch FROM taken.window_start + span - a_now))::integer));
END $$;

-- {"now", "key_hash"?, "limit"?} → {"principal", "limit", "admitted"}: whose key it is, and what is left of the limit. A
-- key that nobody has takes nothing from any limit. Admitted is who may see what is loaded.
CREATE OR REPLACE FUNCTION caller_admit(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := (request->>'now')::timestamptz;
    principal jsonb := principal_of_key(request->>'key_hash', at);
    known boolean := request->>'key_hash' IS NULL OR principal IS NOT NULL;
    taken jsonb;
BEGIN
    IF known THEN
        taken := rate_take(nullif(request->'limit', 'null'), at);
    END IF;
    RETURN jsonb_build_object('principal', principal, 'limit', taken,
        'admitted', known AND coalesce((taken->>'allowed')::boolean, true));
END $$;

-- {"now", "key_hash"?, "run_id", "approver"?, "limit"?} → {"principal", "limit", "run", "approver"}: the run's state, or
-- null, and what is known of the approver whom a link names.
CREATE OR REPLACE FUNCTION run_load(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    RETURN (WITH caller AS MATERIALIZED (SELECT caller_admit(request) AS caller)
    SELECT caller || jsonb_build_object('run', CASE WHEN (caller->>'admitted')::boolean
               THEN (SELECT state FROM runs WHERE run_id = request->>'run_id') END,
           'approver', principal_named(request->>'approver'))
      FROM caller);
END $$;

-- {"now", "key_hash"?, "project", "limit"} → {"principal", "limit", "project": {"key", "version", "digest"} | null,
-- "known": [key]}.
CREATE OR REPLACE FUNCTION start_load(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT caller_admit(request) || jsonb_build_object(
        'project', (SELECT jsonb_build_object('key', key, 'version', version, 'digest', digest)
                      FROM projects JOIN project_versions USING (key, version) WHERE key = request->>'project'),
        'known', (SELECT coalesce(jsonb_agg(key ORDER BY key), '[]') FROM projects
                    JOIN project_versions USING (key, version) WHERE jsonb_array_length(definition->'steps') > 0)));
END $$;

-- {"key", "version"} → the definition, or null.
CREATE OR REPLACE FUNCTION project_definition(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce((SELECT definition FROM project_versions
                      WHERE key = request->>'key' AND version = request->>'version'), 'null'));
END $$;

-- {"key"?} → {"projects": [definition]}: the current version of each, by key.
CREATE OR REPLACE FUNCTION project_list(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('projects', coalesce(jsonb_agg(definition ORDER BY key), '[]'))
      FROM projects JOIN project_versions USING (key, version)
     WHERE request->>'key' IS NULL OR key = request->>'key');
END $$;

-- {"definition", "digest"} → {"result": "added" | "unchanged" | "current" | "conflict"}. A stored version never
-- changes; a conflict means that the file changed and its version did not.
CREATE OR REPLACE FUNCTION project_apply(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_key text := request->'definition'->>'key';
    a_version text := request->'definition'->>'version';
    stored text;
    result text := 'added';
BEGIN
    INSERT INTO project_versions (key, version, digest, definition)
    VALUES (a_key, a_version, request->>'digest', request->'definition') ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT digest INTO stored FROM project_versions WHERE key = a_key AND version = a_version;
        IF stored <> request->>'digest' THEN
            RETURN jsonb_build_object('result', 'conflict');
        END IF;
        result := CASE WHEN EXISTS (SELECT FROM projects WHERE key = a_key AND version = a_version)
                       THEN 'unchanged' ELSE 'current' END;
    END IF;
    INSERT INTO projects (key, version) VALUES (a_key, a_version)
    ON CONFLICT (key) DO UPDATE SET version = excluded.version, updated_at = now()
     WHERE projects.version <> excluded.version;
    RETURN jsonb_build_object('result', result);
END $$;

-- {"run_id"} → the run as the API shows it, with its newest 1,000 artifacts oldest first; or null.
CREATE OR REPLACE FUNCTION run_view(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce((
        SELECT jsonb_build_object('runId', run_id, 'project', project, 'status', status, 'awaiting_gate', awaiting_gate,
            'result', result, 'userId', user_id, 'version', version, 'createdAt', created_at, 'updatedAt', updated_at,
            'deadline', deadline, 'finishedAt', finished_at, 'providersMode', state->>'mode',
            'definitionVersion', state->'definition'->>'version', 'parentRunId', parent_run_id, 'successors', (
                SELECT coalesce(jsonb_agg(run_id ORDER BY created_at, run_id), '[]')
                  FROM (SELECT run_id, created_at FROM runs AS successor WHERE successor.parent_run_id = runs.run_id
                         ORDER BY created_at DESC LIMIT 100) AS newest), 'artifacts', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'type', type, 'url', url, 'provider', provider,
                       'checksum', checksum, 'metadata', metadata, 'createdAt', created_at, 'persona', persona)
                       ORDER BY position), '[]')
              FROM (SELECT * FROM artifacts WHERE artifacts.run_id = runs.run_id
                     ORDER BY position DESC LIMIT 1000) AS newest))
          FROM runs WHERE run_id = request->>'run_id'), 'null'));
END $$;

-- The conditions of a list of runs, as constant texts over the parameter $1, so that each list uses its own index:
-- {"status"?, "project"?, "user_id"?, "created_before"?, "created_after"?, "overdue_at"?, "before"?: {"created_at", "run_id"}}.
-- "overdue_at" asks for the thousand that are overdue for longest at that moment, so that they are found by their deadline.
CREATE OR REPLACE FUNCTION run_conditions(request jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    conditions text := 'true';
BEGIN
    IF request->>'status' IS NOT NULL THEN
        conditions := conditions || ' AND status = $1->>''status''';
    END IF;
    IF request->>'project' IS NOT NULL THEN
        conditions := conditions || ' AND project = $1->>''project''';
    END IF;
    IF request->>'user_id' IS NOT NULL THEN
        conditions := conditions || ' AND user_id = $1->>''user_id''';
    END IF;
    IF request->>'created_before' IS NOT NULL THEN
        conditions := conditions || ' AND created_at < ($1->>''created_before'')::timestamptz';
    END IF;
    IF request->>'created_after' IS NOT NULL THEN
        conditions := conditions || ' AND created_at >= ($1->>''created_after'')::timestamptz';
    END IF;
    IF request->>'overdue_at' IS NOT NULL THEN
        conditions := conditions || ' AND run_id IN (SELECT run_id FROM runs WHERE finished_at IS NULL
            AND deadline <= ($1->>''overdue_at'')::timestamptz ORDER BY deadline, run_id LIMIT 1000)';
    END IF;
    IF request->'before'->>'run_id' IS NOT NULL THEN
        conditions := conditions
            || ' AND (created_at, run_id) < (($1->''before''->>''created_at'')::timestamptz, $1->''before''->>''run_id'')';
    END IF;
    RETURN conditions;
END $$;

-- {"limit", conditions…} → {"runs": [...], "more"}, newest first, by key.
CREATE OR REPLACE FUNCTION run_list(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    page integer := (request->>'limit')::integer;
    rows jsonb;
BEGIN
    EXECUTE 'SELECT coalesce(jsonb_agg(jsonb_build_object(''runId'', run_id, ''project'', project, ''status'', status,
                ''awaiting_gate'', awaiting_gate, ''userId'', user_id, ''createdAt'', created_at,
                ''updatedAt'', updated_at, ''deadline'', deadline) ORDER BY created_at DESC, run_id DESC), ''[]'')
               FROM (SELECT * FROM runs WHERE ' || run_conditions(request) || '
                      ORDER BY created_at DESC, run_id DESC LIMIT $2) AS page'
       INTO rows USING request, page + 1;
    RETURN jsonb_build_object('runs', CASE WHEN jsonb_array_length(rows) > page THEN rows - page ELSE rows END,
                              'more', jsonb_array_length(rows) > page);
END $$;

-- {"now", "rate"?, "filter": {"limit", conditions…}} → {"limit", "runs": [{"run_id", "created_at", "run"}], "more"}: the states of a
-- list of runs, for a verb in bulk; takes one from a rate.
CREATE OR REPLACE FUNCTION run_states(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    page integer := (request->'filter'->>'limit')::integer;
    taken jsonb := rate_take(nullif(request->'rate', 'null'), (request->>'now')::timestamptz);
    rows jsonb := '[]';
BEGIN
    IF coalesce((taken->>'allowed')::boolean, true) THEN
        EXECUTE 'SELECT coalesce(jsonb_agg(jsonb_build_object(''run_id'', run_id, ''created_at'', created_at,
                    ''run'', state) ORDER BY created_at DESC, run_id DESC), ''[]'')
                   FROM (SELECT * FROM runs WHERE ' || run_conditions(request->'filter') || '
                          ORDER BY created_at DESC, run_id DESC LIMIT $2) AS page'
           INTO rows USING request->'filter', page + 1;
    END IF;
    RETURN jsonb_build_object('limit', taken, 'more', jsonb_array_length(rows) > page,
        'runs', CASE WHEN jsonb_array_length(rows) > page THEN rows - page ELSE rows END);
END $$;

-- {"run_id"} → {"run", "facts"}: the run with what is known of its work, for the explanation of what it waits for; or null.
CREATE OR REPLACE FUNCTION run_facts(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce((
        SELECT jsonb_build_object('run', state, 'facts', jsonb_build_object(
            'step_since', (SELECT at FROM run_events WHERE run_events.run_id = runs.run_id AND type = 'step.started'
                            ORDER BY seq DESC LIMIT 1),
            'effects', (
                SELECT coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'provider', provider, 'state', oldest.state,
                           'attempt', attempt, 'due_at', due_at, 'job_id', job_id, 'last_error', last_error,
                           'unanswered', sent_at IS NOT NULL AND oldest.state = 'due') ORDER BY effect_id), '[]')
                  FROM (SELECT * FROM outbox WHERE outbox.run_id = runs.run_id
                           AND outbox.state IN ('due', 'leased', 'held', 'dead')
                         ORDER BY effect_id LIMIT 50) AS oldest)))
          FROM runs WHERE run_id = request->>'run_id'), 'null'));
END $$;

-- {"run_id", "after", "limit"} → {"events": [...], "more"} from the timeline, or null for an unknown run.
CREATE OR REPLACE FUNCTION run_timeline(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT CASE WHEN EXISTS (SELECT FROM runs WHERE run_id = request->>'run_id') THEN (
        SELECT jsonb_build_object('events', coalesce(jsonb_agg(data || jsonb_build_object('hash', encode(hash, 'hex'))
                   ORDER BY seq) FILTER (WHERE place <= (request->>'limit')::integer), '[]'),
               'more', count(*) > (request->>'limit')::integer)
          FROM (SELECT *, row_number() OVER (ORDER BY seq) AS place FROM run_events
                 WHERE run_id = request->>'run_id' AND seq > (request->>'after')::bigint
                 ORDER BY seq LIMIT (request->>'limit')::integer + 1) AS page)
        ELSE 'null' END);
END $$;

-- {} → {"version": newest applied migration}.
CREATE OR REPLACE FUNCTION readiness(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('migration', (SELECT coalesce(max(version), 0) FROM schema_migrations),
                              'sweep_last_success_at', (SELECT last_success_at FROM leases WHERE name = 'sweep')));
END $$;
