-- What the pages of the console read, one statement each. Every request has "now" and, unless the visitor holds the
-- environment's key, "key_hash"; every answer has "shell", what stands on every page.

-- Runs that wait for a person, the most urgent first.
CREATE INDEX IF NOT EXISTS runs_waiting_by_deadline ON runs (deadline, run_id)
    WHERE status IN ('pending_workflow', 'awaiting_ideate', 'awaiting_prepublish');
-- Receipts by page: the key needs the id, and serves what the index of the time alone served.
DROP INDEX IF EXISTS webhook_events_newest;
CREATE INDEX IF NOT EXISTS webhook_events_newest_first ON webhook_events (received_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS webhook_events_refused_newest ON webhook_events (received_at DESC, id DESC) WHERE outcome = 'refused';

-- {"now", "key_hash"?} → {"principal", "waiting", "dead_letters", "draining"}. The principal is whose key the session was opened
-- with, as it stands now: null ends the session. "waiting" and "dead_letters" count to 100.
CREATE OR REPLACE FUNCTION console_shell(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object(
        'principal', principal_of_key(request->>'key_hash', (request->>'now')::timestamptz),
        'waiting', (SELECT count(*) FROM (SELECT FROM runs WHERE status IN ('pending_workflow', 'awaiting_ideate',
                        'awaiting_prepublish') LIMIT 100) AS waiting),
        'dead_letters', (SELECT count(*) FROM (SELECT FROM webhook_dlq ORDER BY created_at DESC, id DESC LIMIT 100) AS letters),
        'draining', (SELECT jsonb_build_object('reason', reason) FROM drain WHERE active)));
END $$;

-- {"now", "key_hash", "limit"} → {"limit", "principal"}: who holds a key; takes one from a limit.
CREATE OR REPLACE FUNCTION console_login(request jsonb) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'limit', rate_take(nullif(request->'limit', 'null'), (request->>'now')::timestamptz),
        'principal', principal_of_key(request->>'key_hash', (request->>'now')::timestamptz))
$$;

-- {"after"?: {"at", "run_id"}, "limit"} → {"shell", "runs": [{"run_id", "at", "run"}], "more"}: who waits, by deadline.
CREATE OR REPLACE FUNCTION console_inbox(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('shell', console_shell(request),
        'runs', coalesce(jsonb_agg(jsonb_build_object('run_id', run_id, 'at', deadline, 'run', state)
            ORDER BY deadline, run_id) FILTER (WHERE place <= (request->>'limit')::integer), '[]'),
        'more', count(*) > (request->>'limit')::integer)
      FROM (SELECT run_id, deadline, state, row_number() OVER (ORDER BY deadline, run_id) AS place FROM runs
             WHERE status IN ('pending_workflow', 'awaiting_ideate', 'awaiting_prepublish')
               AND (deadline, run_id) > (coalesce((request->'after'->>'at')::timestamptz, '-infinity'),
                                         coalesce(request->'after'->>'run_id', ''))
             ORDER BY deadline, run_id LIMIT (request->>'limit')::integer + 1) AS page);
END $$;

-- Keys and titles of the projects, for a choice.
CREATE OR REPLACE FUNCTION console_projects() RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('key', key, 'title', definition->>'title') ORDER BY key), '[]')
      FROM projects JOIN project_versions USING (key, version));
END $$;

-- {"filter": {"limit", conditions…}} → {"shell", "projects", "runs", "more"}, newest first, by key.
CREATE OR REPLACE FUNCTION console_runs(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    page integer := (request->'filter'->>'limit')::integer;
    rows jsonb;
BEGIN
    EXECUTE 'SELECT coalesce(jsonb_agg(jsonb_build_object(''run_id'', run_id, ''project'', project, ''status'', status,
                ''title'', state->>''title'', ''user_id'', user_id, ''created_at'', created_at,
                ''deadline'', deadline) ORDER BY created_at DESC, run_id DESC), ''[]'')
               FROM (SELECT * FROM runs WHERE ' || run_conditions(request->'filter') || '
                      ORDER BY created_at DESC, run_id DESC LIMIT $2) AS page'
       INTO rows USING request->'filter', page + 1;
    RETURN jsonb_build_object('shell', console_shell(request), 'projects', console_projects(),
        'more', jsonb_array_length(rows) > page,
        'runs', CASE WHEN jsonb_array_length(rows) > page THEN rows - page ELSE rows END);
END $$;

-- One receipt as the console shows it.
CREATE OR REPLACE FUNCTION console_receipt(receipt webhook_events) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('id', receipt.id, 'provider', receipt.provider, 'signature', receipt.signature_status,
        'outcome', receipt.outcome, 'received_at', receipt.received_at, 'count', receipt.count, 'run_id', receipt.run_id,
        'settled_by', receipt.settled_by, 'settled_reason', receipt.settled_reason));
END $$;

-- {"run_id", "before"?, "limit"} → {"shell", "run": null | {"row", "state", "facts", "successors", "events", "more", "receipts"}}:
-- a run with a page of its timeline, newest first, and its newest receipts.
CREATE OR REPLACE FUNCTION console_run(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('shell', console_shell(request), 'run', (
        SELECT jsonb_build_object(
            'row', jsonb_build_object('run_id', run_id, 'project', project, 'status', status, 'title', state->>'title',
                'user_id', user_id, 'created_at', created_at, 'deadline', deadline,
                'finished_at', finished_at, 'parent_run_id', parent_run_id),
            'state', state, 'facts', run_facts(request)->'facts',
            'successors', (SELECT coalesce(jsonb_agg(run_id ORDER BY created_at, run_id), '[]')
                FROM (SELECT run_id, created_at FROM runs AS successor WHERE successor.parent_run_id = runs.run_id
                       ORDER BY created_at DESC LIMIT 20) AS newest),
            'receipts', (SELECT coalesce(jsonb_agg(console_receipt(receipt) ORDER BY (receipt).received_at DESC), '[]')
                FROM (SELECT webhook_events AS receipt FROM webhook_events WHERE webhook_events.run_id = runs.run_id
                       ORDER BY received_at DESC LIMIT 20) AS newest))
            || (SELECT jsonb_build_object(
                    'events', coalesce(jsonb_agg(data ORDER BY seq DESC)
                                       FILTER (WHERE place <= (request->>'limit')::integer), '[]'),
                    'more', count(*) > (request->>'limit')::integer)
                  FROM (SELECT seq, data, row_number() OVER (ORDER BY seq DESC) AS place FROM run_events
                         WHERE run_events.run_id = runs.run_id
                           AND seq < coalesce((request->>'before')::bigint, 9223372036854775807)
                         ORDER BY seq DESC LIMIT (request->>'limit')::integer + 1) AS page)
          FROM runs WHERE run_id = request->>'run_id')));
END $$;

-- {"refused", "before"?: {"created_at", "id"}, "limit"} → {"shell", "receipts", "more", "letters"}: receipts newest first, by
-- key, all or only the refused ones; beside the first page the newest dead letters.
CREATE OR REPLACE FUNCTION console_webhooks(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    page integer := (request->>'limit')::integer;
    rows jsonb;
BEGIN
    EXECUTE 'SELECT coalesce(jsonb_agg(console_receipt(receipt)
                        ORDER BY (receipt).received_at DESC, (receipt).id DESC), ''[]'')
               FROM (SELECT webhook_events AS receipt FROM webhook_events WHERE true'
        || CASE WHEN (request->>'refused')::boolean THEN ' AND outcome = ''refused''' ELSE '' END
        || CASE WHEN request->'before'->>'id' IS NOT NULL THEN ' AND (received_at, id) <
                (($1->''before''->>''created_at'')::timestamptz, ($1->''before''->>''id'')::uuid)' ELSE '' END
        || ' ORDER BY received_at DESC, id DESC LIMIT $2) AS page'
       INTO rows USING request, page + 1;
    RETURN jsonb_build_object('shell', console_shell(request),
        'receipts', CASE WHEN jsonb_array_length(rows) > page THEN rows - page ELSE rows END,
        'more', jsonb_array_length(rows) > page,
        'letters', CASE WHEN request->'before'->>'id' IS NULL
                        THEN dead_letters_list('{"limit": 50}')->'letters' ELSE '[]' END);
END $$;

-- {"id", "payload_bytes"} → {"shell", "letter"}: one dead letter with what was received; null when there never was one.
CREATE OR REPLACE FUNCTION console_letter(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('shell', console_shell(request), 'letter', dead_letter_view(request)));
END $$;

-- {} → {"shell", "providers", "totals"}: the limits of every provider with what is used of them, and the
-- totals of its attempts and of its webhooks.
CREATE OR REPLACE FUNCTION console_providers(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (WITH looks AS (SELECT provider, count(*) AS many FROM outbox
                    WHERE state IN ('due', 'leased') AND lane = 'look' GROUP BY provider),
         leased AS (SELECT provider, count(*) AS many FROM outbox WHERE state = 'leased' GROUP BY provider),
         due AS (SELECT provider, count(*) AS many, min(due_at) AS oldest FROM outbox
                  WHERE state = 'due' AND due_at <= (request->>'now')::timestamptz GROUP BY provider)
    SELECT jsonb_build_object('shell', console_shell(request),
        'providers', (SELECT jsonb_agg(jsonb_build_object('provider', provider, 'breaker', breaker, 'failures', failures,
                'breaker_failures', breaker_failures, 'retry_at', retry_at, 'window_seconds', window_seconds,
                'starts_max', starts_max, 'starts', (SELECT count(*) FROM unnest(starts) AS at
                    WHERE at > (request->>'now')::timestamptz - make_interval(secs => window_seconds)),
                'open_jobs_max', open_jobs_max, 'open_jobs', coalesce(looks.many, 0),
                'in_flight_max', in_flight_max, 'in_flight', coalesce(leased.many, 0),
                'due', coalesce(due.many, 0), 'oldest_due_at', due.oldest,
                'held_until', nullif(greatest(start_held_until, look_held_until), '-infinity')) ORDER BY provider)
              FROM provider_states LEFT JOIN looks USING (provider) LEFT JOIN leased USING (provider)
                   LEFT JOIN due USING (provider)),
        -- Of the seconds it is the mean.
        'totals', (SELECT coalesce(jsonb_agg(to_jsonb(told) ORDER BY name, labels), '[]') FROM (
              SELECT name, labels, value FROM metric_totals
               WHERE name IN ('effect_attempts_total', 'webhook_verify_total')
              UNION ALL
              SELECT name, labels, sum(sum) / sum(count) FROM metric_histograms
               WHERE name = 'provider_request_seconds' AND run_id = '' GROUP BY name, labels) AS told)));
END $$;

-- {} → {"shell", "left", "sweep", "migration", "oldest_due_at", "decisions"}: how the service is, and the newest decisions.
CREATE OR REPLACE FUNCTION console_system(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('shell', console_shell(request), 'left', drain_status('{}'),
        'sweep', (SELECT jsonb_build_object('last_success_at', last_success_at, 'report', last_report,
                      'lag_seconds', greatest(0, extract(epoch FROM (request->>'now')::timestamptz - last_success_at)))
                    FROM leases WHERE name = 'sweep'),
        'migration', (SELECT coalesce(max(version), 0) FROM schema_migrations),
        'oldest_due_at', (SELECT due_at FROM outbox WHERE state = 'due' ORDER BY due_at, effect_id LIMIT 1),
        'decisions', (SELECT coalesce(jsonb_agg(jsonb_build_object('run_id', run_id, 'gate', gate, 'decision', decision,
                          'approver', approver, 'channel', channel, 'at', created_at) ORDER BY created_at DESC), '[]')
                        FROM (SELECT * FROM hitl_approvals ORDER BY created_at DESC LIMIT 20) AS newest)));
END $$;

-- {} → {"shell", "projects": [definition]}.
CREATE OR REPLACE FUNCTION console_start(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('shell', console_shell(request)) || project_list('{}'));
END $$;

-- {"user_id", "limit"} → {"shell", "messages", "runs"}: a conversation, oldest first, and the ids of its user's newest runs.
CREATE OR REPLACE FUNCTION console_chat(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('shell', console_shell(request),
        'messages', (SELECT coalesce(jsonb_agg(jsonb_build_object('role', role, 'content', content, 'at', created_at)
                         ORDER BY message_id), '[]')
                       FROM (SELECT * FROM chat_messages WHERE user_id = request->>'user_id'
                              ORDER BY message_id DESC LIMIT (request->>'limit')::integer) AS newest),
        'runs', (SELECT coalesce(jsonb_agg(run_id), '[]')
                   FROM (SELECT run_id FROM runs WHERE user_id = request->>'user_id'
                          ORDER BY created_at DESC, run_id DESC LIMIT 50) AS newest)));
END $$;
