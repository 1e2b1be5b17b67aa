
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE FUNCTION public.artifacts_prune(request jsonb) RETURNS jsonb
    LANGUAGE sql
    AS $$
    WITH page AS MATERIALIZED (
        SELECT run_id, finished_at FROM runs
         WHERE finished_at < (request->>'now')::timestamptz - make_interval(days => (request->>'artifacts_days')::integer)
           AND (finished_at, run_id) > (coalesce((request->'after'->>'finished_at')::timestamptz, '-infinity'),
                                        coalesce(request->'after'->>'run_id', ''))
         ORDER BY finished_at, run_id LIMIT (request->>'limit')::integer
    ), gone AS (
        DELETE FROM artifacts WHERE run_id IN (SELECT run_id FROM page) RETURNING 1
    )
    SELECT jsonb_build_object('acted', (SELECT count(*) FROM gone), 'after', (
        SELECT jsonb_build_object('finished_at', finished_at, 'run_id', run_id) FROM page
         ORDER BY finished_at DESC, run_id DESC LIMIT 1))
$$;

CREATE FUNCTION public.budget_take(run jsonb, a_now timestamp with time zone) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_project text := run->'definition'->>'key';
    allowed integer := (run->'settings'->>'clips_per_day')::integer;
    a_day date := (a_now AT TIME ZONE 'UTC')::date;
    wanted integer := (SELECT count(*) FROM jsonb_array_elements(run->'clips') AS clip
                        WHERE clip->'state'->>'state' <> 'generated');
BEGIN
    IF allowed IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO project_budgets AS held (project, day, clips) VALUES (a_project, a_day, 0)
    ON CONFLICT (project) DO UPDATE SET day = excluded.day, clips = 0 WHERE held.day < excluded.day;
    UPDATE project_budgets SET clips = clips + wanted WHERE project = a_project AND clips + wanted <= allowed;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_build_object('result', 'over_budget', 'limit', allowed,
                              'used', (SELECT clips FROM project_budgets WHERE project = a_project));
END $$;

CREATE FUNCTION public.caller_admit(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.channel_add(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    added channels;
    outcome text := 'added';
BEGIN
    IF request->>'project' IS NOT NULL AND NOT EXISTS (SELECT FROM projects WHERE key = request->>'project') THEN
        RETURN '{"result": "unknown_project"}';
    END IF;
    IF (SELECT count(*) >= 200 FROM channels) THEN
        RETURN '{"result": "full"}';
    END IF;
    INSERT INTO channels (kind, address, project, created_at)
    VALUES (request->>'kind', request->>'address', request->>'project', (request->>'now')::timestamptz)
    ON CONFLICT (kind, address, project) DO NOTHING RETURNING * INTO added;
    IF NOT FOUND THEN
        outcome := 'known';
        SELECT * INTO added FROM channels WHERE kind = request->>'kind' AND address = request->>'address'
           AND project IS NOT DISTINCT FROM request->>'project';
    END IF;
    RETURN jsonb_build_object('result', outcome, 'channel', channel_view(added));
END $$;

CREATE FUNCTION public.channel_list(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('channels', coalesce(jsonb_agg(channel_view(channels) ORDER BY kind, address, project), '[]'))
      FROM channels
$$;

CREATE FUNCTION public.channel_remove(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM channels WHERE channel_id = (request->>'channel_id')::uuid;
    RETURN jsonb_build_object('removed', FOUND);
END $$;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.channels (
    channel_id uuid DEFAULT gen_random_uuid() NOT NULL,
    kind text NOT NULL,
    address text NOT NULL,
    project text,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT channels_address CHECK (
CASE kind
    WHEN 'telegram'::text THEN (address ~ '^-?[0-9]{1,19}$'::text)
    ELSE (address ~ '^[CDGUW][A-Z0-9]{2,20}$'::text)
END),
    CONSTRAINT channels_kind_check CHECK ((kind = ANY (ARRAY['telegram'::text, 'slack'::text])))
);

CREATE FUNCTION public.channel_view(channel public.channels) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('id', channel.channel_id, 'kind', channel.kind, 'address', channel.address,
                              'project', channel.project, 'createdAt', channel.created_at)
$$;

CREATE FUNCTION public.chat_append(chat jsonb, a_now timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO chat_messages (user_id, role, content, run_id, created_at)
    SELECT chat->>'user_id', row->>'role', row->>'content', row->>'run_id', a_now
      FROM jsonb_array_elements(chat->'messages') WITH ORDINALITY AS listed (row, position) ORDER BY position;
    UPDATE chat_messages SET told_at = a_now
     WHERE user_id = chat->>'user_id' AND role = 'notice' AND told_at IS NULL
       AND message_id <= (chat->>'told_until')::bigint;
    -- A bot's update is done when its turn is kept, so that it is neither lost nor taken twice.
    UPDATE channel_updates SET state = 'done'
     WHERE kind = chat->'update'->>'kind' AND update_id = chat->'update'->>'update_id';
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'supervisor_decisions_total', format('decision="%s"', chat->>'decision'), 1 WHERE chat ? 'decision'
    UNION ALL
    SELECT 'chat_turns_total', format('planner="%s",fallback="%s"', chat->>'planner', coalesce(chat->>'fallback', '')), 1
     WHERE chat ? 'planner';
    IF chat ? 'used' THEN
        PERFORM chat_use(chat->>'user_id', chat->'used', 1, a_now);
    END IF;
END $$;

CREATE FUNCTION public.chat_day(at timestamp with time zone) RETURNS date
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT (at AT TIME ZONE 'UTC')::date $$;

CREATE FUNCTION public.chat_delete(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    gone integer;
BEGIN
    DELETE FROM chat_messages WHERE message_id = ANY (ARRAY(
        SELECT message_id FROM chat_messages WHERE user_id = request->>'user_id'
         ORDER BY message_id LIMIT (request->>'limit')::integer FOR UPDATE));
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM chat_summaries WHERE user_id = request->>'user_id';
    RETURN jsonb_build_object('deleted', gone, 'more', gone >= (request->>'limit')::integer);
END $$;

CREATE FUNCTION public.chat_export(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    WITH page AS MATERIALIZED (
        SELECT message_id, role, content, run_id, gate, created_at FROM chat_messages
         WHERE user_id = request->>'user_id' AND message_id > coalesce((request->>'after')::bigint, 0)
         ORDER BY message_id LIMIT (request->>'limit')::integer + 1
    ), used AS MATERIALIZED (
        SELECT day, turns, input_tokens, output_tokens, cost FROM chat_usage
         WHERE user_id = request->>'user_id' ORDER BY day DESC LIMIT 400
    )
    SELECT jsonb_build_object(
        'principal', principal_of_key(request->>'key_hash', (request->>'now')::timestamptz),
        'messages', (SELECT coalesce(jsonb_agg(jsonb_build_object('message_id', message_id, 'role', role, 'content', content,
                         'runId', run_id, 'gate', gate, 'createdAt', created_at) ORDER BY message_id), '[]')
                       FROM (SELECT * FROM page ORDER BY message_id LIMIT (request->>'limit')::integer) AS shown),
        'more', (SELECT count(*) FROM page) > (request->>'limit')::integer,
        'summary', (SELECT summary FROM chat_summaries WHERE user_id = request->>'user_id'),
        'usage', (SELECT jsonb_build_object('turns', coalesce(sum(turns), 0), 'input_tokens', coalesce(sum(input_tokens), 0),
                      'output_tokens', coalesce(sum(output_tokens), 0), 'cost', coalesce(sum(cost), 0),
                      'days', coalesce(jsonb_agg(to_jsonb(used) ORDER BY day), '[]')) FROM used))
$$;

CREATE FUNCTION public.chat_load(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    caller jsonb := caller_admit(request);
    a_user text := chat_user(request->>'user_id', caller->'principal'->>'name');
    many integer := coalesce((request->>'history')::integer, 0);
    held chat_summaries;
BEGIN
    IF many > 0 THEN
        SELECT * INTO held FROM chat_summaries WHERE user_id = a_user;
    END IF;
    RETURN caller || jsonb_build_object(
        'user_id', a_user,
        'draining', (SELECT jsonb_build_object('reason', reason) FROM drain WHERE active),
        'projects', (SELECT coalesce(jsonb_agg(jsonb_build_object('key', key, 'title', definition->>'title',
                         'keywords', coalesce(definition->'keywords', '[]'), 'version', version, 'digest', digest,
                         'has_runs', jsonb_array_length(definition->'steps') > 0) ORDER BY key), '[]')
                       FROM projects JOIN project_versions USING (key, version)),
        'runs', (SELECT coalesce(jsonb_agg(jsonb_build_object('run_id', run_id, 'project', project, 'status', status,
                     'awaiting_gate', awaiting_gate, 'opening', state->'gate'->'opening') ORDER BY created_at DESC), '[]')
                   FROM (SELECT * FROM runs WHERE user_id = a_user
                          ORDER BY created_at DESC, run_id DESC LIMIT 50) AS newest),
        'summary', held.summary,
        'summary_until', coalesce(held.until_id, 0),
        'history', (SELECT coalesce(jsonb_agg(jsonb_build_object('message_id', message_id, 'role', role,
                        'content', left(content, 2000)) ORDER BY message_id), '[]')
                      FROM (SELECT * FROM chat_messages WHERE user_id = a_user AND role <> 'notice'
                               AND message_id > coalesce(held.until_id, 0)
                             ORDER BY message_id DESC LIMIT many) AS newest),
        'tokens_today', (SELECT input_tokens + output_tokens FROM chat_usage
                          WHERE many > 0 AND user_id = a_user AND day = chat_day((request->>'now')::timestamptz)),
        'notices', (SELECT coalesce(jsonb_agg(jsonb_build_object('message_id', message_id, 'content', content,
                        'run_id', run_id, 'gate', gate) ORDER BY message_id), '[]')
                      FROM (SELECT * FROM chat_messages
                             WHERE user_id = a_user AND role = 'notice' AND told_at IS NULL
                             ORDER BY message_id LIMIT 20) AS untold));
END $$;

CREATE FUNCTION public.chat_run(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('run_id', run_id, 'project', project, 'title', state->>'title', 'status', status,
            'waits_at_gate', awaiting_gate, 'since', updated_at, 'ends_by_itself_at', deadline,
            'error', result->'error', 'latest_events', (
                SELECT coalesce(jsonb_agg(jsonb_build_object('type', type, 'at', at) ORDER BY seq), '[]')
                  FROM (SELECT seq, type, at FROM run_events
                         WHERE run_events.run_id = runs.run_id ORDER BY seq DESC LIMIT 8) AS newest))
          FROM runs WHERE run_id = request->>'run_id' AND user_id = request->>'user_id'), 'null')
$$;

CREATE FUNCTION public.chat_save(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM chat_append(request->'chat', (request->>'now')::timestamptz);
    IF request ? 'seen' THEN
        PERFORM request_seen(request->'seen', NULL);
    END IF;
    RETURN jsonb_build_object('saved', true, 'seen', request ? 'seen');
END $$;

CREATE FUNCTION public.chat_summarise(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    a_user text := request->>'user_id';
    is_kept boolean := false;
BEGIN
    IF request->>'summary' IS NOT NULL THEN
        -- A deletion waits here, or has taken the message.
        PERFORM FROM chat_messages WHERE message_id = (request->>'until_id')::bigint AND user_id = a_user FOR UPDATE;
        IF FOUND THEN
            INSERT INTO chat_summaries AS held (user_id, summary, until_id, updated_at)
            SELECT a_user, request->>'summary', (request->>'until_id')::bigint, a_now
            ON CONFLICT (user_id) DO UPDATE
               SET summary = excluded.summary, until_id = excluded.until_id, updated_at = excluded.updated_at
             WHERE held.until_id = (request->>'after_id')::bigint;
            is_kept := FOUND;
        END IF;
    END IF;
    PERFORM chat_use(a_user, request->'used', 0, a_now);
    RETURN jsonb_build_object('kept', is_kept);
END $$;

CREATE FUNCTION public.chat_use(a_user text, used jsonb, a_turns integer, a_now timestamp with time zone) RETURNS void
    LANGUAGE sql
    AS $$
    INSERT INTO chat_usage AS held (user_id, day, turns, input_tokens, output_tokens, cost)
    VALUES (a_user, chat_day(a_now), a_turns, (used->>'input_tokens')::bigint, (used->>'output_tokens')::bigint,
            (used->>'cost')::numeric)
    ON CONFLICT (user_id, day) DO UPDATE SET turns = held.turns + excluded.turns,
        input_tokens = held.input_tokens + excluded.input_tokens,
        output_tokens = held.output_tokens + excluded.output_tokens, cost = held.cost + excluded.cost;
    SELECT llm_observe(used)
$$;

CREATE FUNCTION public.chat_user(said text, principal text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE WHEN principal IS NULL OR said = principal OR starts_with(said, principal || '/') THEN said
                ELSE principal || '/' || said END
$$;

CREATE FUNCTION public.console_chat(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
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

CREATE FUNCTION public.console_inbox(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
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

CREATE FUNCTION public.console_letter(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('shell', console_shell(request), 'letter', dead_letter_view(request)));
END $$;

CREATE FUNCTION public.console_login(request jsonb) RETURNS jsonb
    LANGUAGE sql
    AS $$
    SELECT jsonb_build_object(
        'limit', rate_take(nullif(request->'limit', 'null'), (request->>'now')::timestamptz),
        'principal', principal_of_key(request->>'key_hash', (request->>'now')::timestamptz))
$$;

CREATE FUNCTION public.console_projects() RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('key', key, 'title', definition->>'title') ORDER BY key), '[]')
      FROM projects JOIN project_versions USING (key, version));
END $$;

CREATE FUNCTION public.console_providers(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
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

CREATE TABLE public.webhook_events (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    idempotency_key text NOT NULL,
    provider text NOT NULL,
    headers jsonb NOT NULL,
    query text DEFAULT ''::text NOT NULL,
    payload bytea NOT NULL,
    signature_status text NOT NULL,
    outcome text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    count bigint DEFAULT 1 NOT NULL,
    run_id text,
    job_id text,
    settled_at timestamp with time zone,
    settled_by text,
    settled_reason text,
    CONSTRAINT webhook_events_outcome_check CHECK ((outcome = ANY (ARRAY['accepted'::text, 'dlq'::text, 'discarded'::text, 'ignored'::text, 'refused'::text]))),
    CONSTRAINT webhook_events_provider_check CHECK (((provider = ANY (ARRAY['kieai'::text, 'shotstack'::text, 'upload-post'::text])) OR (provider ~ '^std:[a-z0-9][a-z0-9-]{0,31}$'::text))),
    CONSTRAINT webhook_events_refused CHECK ((((outcome = 'refused'::text) = (signature_status = ANY (ARRAY['invalid'::text, 'missing'::text]))) AND ((outcome <> 'refused'::text) OR (length(payload) <= 4096)))),
    CONSTRAINT webhook_events_settled CHECK ((((settled_at IS NULL) = (settled_by IS NULL)) AND ((settled_at IS NULL) = (settled_reason IS NULL)) AND ((outcome <> 'discarded'::text) OR (settled_at IS NOT NULL)) AND ((settled_at IS NULL) OR (outcome = ANY (ARRAY['accepted'::text, 'discarded'::text]))))),
    CONSTRAINT webhook_events_signature_status_check CHECK ((signature_status = ANY (ARRAY['valid'::text, 'invalid'::text, 'missing'::text, 'unsigned'::text])))
);

CREATE FUNCTION public.console_receipt(receipt public.webhook_events) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('id', receipt.id, 'provider', receipt.provider, 'signature', receipt.signature_status,
        'outcome', receipt.outcome, 'received_at', receipt.received_at, 'count', receipt.count, 'run_id', receipt.run_id,
        'settled_by', receipt.settled_by, 'settled_reason', receipt.settled_reason));
END $$;

CREATE FUNCTION public.console_run(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
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

CREATE FUNCTION public.console_runs(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $_$
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
END $_$;

CREATE FUNCTION public.console_shell(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (SELECT jsonb_build_object(
        'principal', principal_of_key(request->>'key_hash', (request->>'now')::timestamptz),
        'waiting', (SELECT count(*) FROM (SELECT FROM runs WHERE status IN ('pending_workflow', 'awaiting_ideate',
                        'awaiting_prepublish') LIMIT 100) AS waiting),
        'dead_letters', (SELECT count(*) FROM (SELECT FROM webhook_dlq ORDER BY created_at DESC, id DESC LIMIT 100) AS letters),
        'draining', (SELECT jsonb_build_object('reason', reason) FROM drain WHERE active)));
END $$;

CREATE FUNCTION public.console_start(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('shell', console_shell(request)) || project_list('{}'));
END $$;

CREATE FUNCTION public.console_system(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
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

CREATE FUNCTION public.console_webhooks(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $_$
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
END $_$;

CREATE FUNCTION public.contacts_observe(observed jsonb, breakers jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'provider_request_seconds', format('provider="%s",kind="%s"', row->>'provider', row->>'kind'),
           (row->>'seconds')::double precision
      FROM jsonb_array_elements(observed) AS row WHERE row ? 'seconds' AND row->>'contact' <> 'none'
    UNION ALL
    SELECT 'circuit_state_changes_total', format('component="%s",state="%s"', row->>'provider', row->>'breaker'), 1
      FROM jsonb_array_elements(breakers) AS row;
    IF observed @> '[{"used": {}}]' THEN
        PERFORM personas_observe(observed);
    END IF;
END $$;

CREATE TABLE public.jobs (
    job_id text NOT NULL,
    run_id text NOT NULL,
    kind text NOT NULL,
    provider text NOT NULL,
    state text NOT NULL,
    task_id text,
    account text,
    hint jsonb,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT jobs_kind_check CHECK ((kind = ANY (ARRAY['generate'::text, 'render'::text, 'publish'::text]))),
    CONSTRAINT jobs_provider_check CHECK ((provider = ANY (ARRAY['kieai'::text, 'shotstack'::text, 'upload-post'::text]))),
    CONSTRAINT jobs_state_check CHECK ((state = ANY (ARRAY['requested'::text, 'submitted'::text, 'succeeded'::text, 'failed'::text, 'fenced'::text]))),
    CONSTRAINT jobs_submitted CHECK (((state <> ALL (ARRAY['submitted'::text, 'succeeded'::text])) OR (task_id IS NOT NULL)))
);

CREATE FUNCTION public.dead_letter_close(a_id uuid, an_outcome text, job public.jobs, who text, why text, a_now timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM webhook_dlq WHERE id = a_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE webhook_events SET outcome = an_outcome, run_id = job.run_id, job_id = job.job_id,
           settled_at = a_now, settled_by = who, settled_reason = why
     WHERE id = a_id;
    RETURN true;
END $$;

CREATE FUNCTION public.dead_letter_ended(a_id uuid) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT jsonb_build_object('provider', provider, 'run_id', run_id, 'result', CASE outcome
                         WHEN 'discarded' THEN 'already_discarded' ELSE 'already_processed' END)
                       FROM webhook_events WHERE id = a_id AND outcome IN ('accepted', 'discarded')),
                    '{"result": "unknown"}')
$$;

CREATE TABLE public.webhook_dlq (
    id uuid NOT NULL,
    idempotency_key text NOT NULL,
    provider text NOT NULL,
    headers jsonb NOT NULL,
    payload bytea NOT NULL,
    match jsonb NOT NULL,
    error text NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    next_retry_at timestamp with time zone,
    last_error_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT webhook_dlq_error_check CHECK ((error = ANY (ARRAY['unknown_job'::text, 'no_reference'::text, 'ambiguous_account'::text, 'ambiguous_task'::text])))
);

CREATE FUNCTION public.dead_letter_row(letter public.webhook_dlq) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('id', letter.id, 'provider', letter.provider, 'reason', letter.error,
        'match', letter.match->'match', 'attempts', letter.retry_count, 'exhausted', letter.next_retry_at IS NULL,
        'nextRetryAt', letter.next_retry_at, 'lastErrorAt', letter.last_error_at, 'createdAt', letter.created_at)
$$;

CREATE FUNCTION public.dead_letter_settle(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    a_id uuid := (request->>'id')::uuid;
    wet boolean := NOT (request->>'dry_run')::boolean;
    letter webhook_dlq;
    job jobs;
    failure text;
    awake boolean := false;
    discards boolean := request->>'action' = 'discard';
BEGIN
    SELECT * INTO letter FROM webhook_dlq WHERE id = a_id;
    IF NOT FOUND THEN
        RETURN dead_letter_ended(a_id);
    END IF;
    IF NOT discards THEN
        job := job_match(letter.provider, letter.match->'match');
        IF job.job_id IS NULL THEN
            failure := job_match_failure(letter.provider, letter.match->'match');
            IF wet THEN
                UPDATE webhook_dlq SET error = failure, last_error_at = a_now, updated_at = a_now WHERE id = a_id;
            END IF;
            RETURN jsonb_build_object('result', 'no_job', 'provider', letter.provider, 'reason', failure);
        END IF;
    END IF;
    IF wet THEN
        -- The outbox before the letter: the order in which everybody locks them.
        awake := NOT discards AND job_poke(job.job_id, letter.match->'hint', a_now);
        IF NOT dead_letter_close(a_id, CASE WHEN discards THEN 'discarded' ELSE 'accepted' END, job,
                                 request->>'actor', request->>'reason', a_now) THEN
            RETURN dead_letter_ended(a_id);
        END IF;
    END IF;
    RETURN jsonb_build_object('result', CASE WHEN discards THEN 'discarded' ELSE 'processed' END,
        'provider', letter.provider, 'run_id', job.run_id, 'kick', awake AND kick_take(a_now));
END $$;

CREATE FUNCTION public.dead_letter_view(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('id', receipt.id, 'provider', receipt.provider, 'createdAt', receipt.received_at)
            || CASE WHEN letter.id IS NULL THEN '{}' ELSE dead_letter_row(letter) END
            || jsonb_build_object('outcome', outcome, 'signatureStatus', signature_status, 'query', query,
                'headers', receipt.headers, 'payloadSize', length(receipt.payload), 'payload',
                translate(encode(substr(receipt.payload, 1, (request->>'payload_bytes')::integer), 'base64'), E'\n', ''),
                'runId', run_id, 'jobId', job_id, 'settledAt', settled_at, 'settledBy', settled_by,
                'settledReason', settled_reason)
          FROM webhook_events AS receipt LEFT JOIN webhook_dlq AS letter USING (id)
         WHERE id = (request->>'id')::uuid AND (outcome = 'dlq' OR settled_at IS NOT NULL)), 'null')
$$;

CREATE FUNCTION public.dead_letters_list(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object(
        'letters', coalesce(jsonb_agg(dead_letter_row(letter) ORDER BY (letter).created_at DESC, (letter).id DESC)
                            FILTER (WHERE place <= (request->>'limit')::integer), '[]'),
        'more', count(*) > (request->>'limit')::integer)
      FROM (SELECT webhook_dlq AS letter, row_number() OVER (ORDER BY created_at DESC, id DESC) AS place
              FROM webhook_dlq
             WHERE (request->>'provider' IS NULL OR provider = request->>'provider')
               AND (request->>'reason' IS NULL OR error = request->>'reason')
               AND (request->>'exhausted' IS NULL OR (next_retry_at IS NULL) = (request->>'exhausted')::boolean)
               AND (request->'before'->>'id' IS NULL OR (created_at, id) <
                    ((request->'before'->>'created_at')::timestamptz, (request->'before'->>'id')::uuid))
             ORDER BY created_at DESC, id DESC LIMIT (request->>'limit')::integer + 1) AS page
$$;

CREATE FUNCTION public.dead_letters_retry(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    due record;
    acted integer := 0;
    processed integer := 0;
    awake boolean := false;
BEGIN
    FOR due IN
        SELECT page.id, page.provider, page.match, job FROM (
            SELECT * FROM webhook_dlq WHERE next_retry_at <= a_now ORDER BY next_retry_at, id
             LIMIT (request->>'limit')::integer) AS page,
            LATERAL (SELECT job_match(page.provider, page.match->'match') AS job OFFSET 0) AS matched
         ORDER BY (job).run_id NULLS LAST, page.id
    LOOP
        IF (due.job).job_id IS NOT NULL THEN
            PERFORM FROM runs WHERE run_id = (due.job).run_id FOR UPDATE;
            awake := job_poke((due.job).job_id, due.match->'hint', a_now) OR awake;
            IF dead_letter_close(due.id, 'accepted', due.job, 'sweep', 'its job is known by now', a_now) THEN
                processed := processed + 1;
            END IF;
        ELSE
            UPDATE webhook_dlq SET retry_count = retry_count + 1, last_error_at = a_now, updated_at = a_now,
                   error = job_match_failure(due.provider, due.match->'match'),
                   next_retry_at = CASE WHEN retry_count < 12
                       THEN a_now + make_interval(secs => least(60 * 2 ^ retry_count, 3600)) END
             WHERE id = due.id AND next_retry_at <= a_now;
        END IF;
        acted := acted + 1;
    END LOOP;
    RETURN jsonb_build_object('acted', acted, 'processed', processed, 'kick', awake AND kick_take(a_now));
END $$;

CREATE FUNCTION public.doctor_effects(page text[], overdue timestamp with time zone) RETURNS TABLE(invariant text, run_id text, detail text)
    LANGUAGE sql STABLE
    AS $$
    SELECT 'effect_lost', x.run_id, format('%s is not in the outbox', x.key)
      FROM doctor_expected(page) AS x WHERE x.state IS NULL
    UNION ALL
    SELECT 'effect_dead', x.run_id, format('%s: %s', x.key, coalesce(x.last_error, 'given up'))
      FROM doctor_expected(page) AS x JOIN runs AS r USING (run_id) LEFT JOIN jobs AS j ON j.job_id = x.job_id
     WHERE x.state = 'dead' AND (j.state IN ('requested', 'submitted') OR (x.job_id IS NULL AND x.step = r.state->>'step'))
    UNION ALL
    SELECT 'effect_after_end', o.run_id, format('effect %s (%s) is %s, the run is %s', o.effect_id, o.key, o.state, r.status)
      FROM outbox AS o JOIN runs AS r USING (run_id)
     WHERE o.run_id = ANY (page) AND o.kind IN ('persona', 'submit', 'poll') AND o.state IN ('due', 'leased', 'held')
       AND r.finished_at IS NOT NULL
    UNION ALL
    SELECT 'effect_abandoned', o.run_id, format('effect %s (%s), lease until %s', o.effect_id, o.key, o.lease_until)
      FROM outbox AS o WHERE o.run_id = ANY (page) AND o.state = 'leased' AND o.lease_until < overdue
$$;

CREATE FUNCTION public.doctor_expected(page text[]) RETURNS TABLE(run_id text, job_id text, step text, key text, state text, last_error text)
    LANGUAGE sql STABLE
    AS $$
    SELECT asked.run_id, asked.job_id, asked.step, asked.key, o.state, o.last_error
      FROM (SELECT e.run_id, e.data->'data'->>'job_id' AS job_id, e.data->'data'->>'step' AS step, CASE e.type
                       WHEN 'job.requested' THEN 'submit:' || (e.data->'data'->>'job_id')
                       WHEN 'persona.requested' THEN format('persona:%s:%s', e.run_id, e.data->'data'->>'step')
                       ELSE 'poll:' || (e.data->'data'->>'job_id') END AS key
              FROM run_events AS e JOIN runs AS r USING (run_id)
             WHERE e.run_id = ANY (page) AND r.finished_at IS NULL
               AND e.type IN ('job.requested', 'job.submitted', 'job.adopted', 'persona.requested')) AS asked
      LEFT JOIN outbox AS o USING (key)
$$;

CREATE FUNCTION public.doctor_gates(page text[]) RETURNS TABLE(invariant text, run_id text, detail text)
    LANGUAGE sql STABLE
    AS $$
    WITH said AS (
        SELECT e.run_id, e.seq, e.type, e.data->'data'->>'gate' AS gate, (e.data->'data'->>'opening')::integer AS opening,
               e.data->'data'->>'approver' AS approver, CASE e.data->'data'->>'verdict' WHEN 'approve' THEN 'approved'
               WHEN 'reject' THEN 'rejected' ELSE 'changes_requested' END AS decision
          FROM run_events AS e WHERE e.run_id = ANY (page) AND e.type IN ('gate.voted', 'gate.decided')
    ), decided AS (
        SELECT * FROM said WHERE type = 'gate.decided'
    ), last_said AS (
        SELECT DISTINCT ON (run_id, gate, opening, approver) * FROM said ORDER BY run_id, gate, opening, approver, seq DESC
    )
    SELECT 'gate_differs', r.run_id, format('the run waits at %s, the open gate is %s',
           coalesce(r.state->'gate'->>'gate', 'none'), coalesce(g.gate, 'none'))
      FROM runs AS r LEFT JOIN gates AS g ON g.run_id = r.run_id AND g.state = 'open'
     WHERE r.run_id = ANY (page) AND (r.state->'gate'->>'gate' IS DISTINCT FROM g.gate
           OR r.state->'gate'->>'opening' IS DISTINCT FROM g.opening::text)
    UNION ALL
    SELECT 'gate_without_decision', known.run_id, format('%s (opening %s): gate %s, timeline %s', known.gate, known.opening,
           coalesce(g.state, 'none'), coalesce(d.decision, 'none'))
      FROM (SELECT g.run_id, g.gate, g.opening FROM gates AS g
             WHERE g.run_id = ANY (page) AND g.state IN ('approved', 'rejected', 'changes_requested')
             UNION SELECT d.run_id, d.gate, d.opening FROM decided AS d) AS known
      LEFT JOIN gates AS g USING (run_id, gate, opening)
      LEFT JOIN decided AS d USING (run_id, gate, opening)
     WHERE g.state IS DISTINCT FROM d.decision
    UNION ALL
    SELECT 'gate_without_decision', known.run_id, format('%s (opening %s): %s said %s, the approvals say %s', known.gate,
           known.opening, known.approver, coalesce(s.decision, 'nothing'), coalesce(a.decision, 'nothing'))
      FROM (SELECT s.run_id, s.gate, s.opening, s.approver FROM last_said AS s
             UNION SELECT a.run_id, a.gate, a.opening, a.approver FROM hitl_approvals AS a WHERE a.run_id = ANY (page)) AS known
      LEFT JOIN last_said AS s USING (run_id, gate, opening, approver)
      LEFT JOIN hitl_approvals AS a USING (run_id, gate, opening, approver)
     WHERE s.decision IS DISTINCT FROM a.decision
    UNION ALL
    SELECT 'gate_against_policy', g.run_id, format('%s was %s at %s, its deadline is %s', g.gate, g.state, g.decided_at, g.deadline)
      FROM gates AS g
     WHERE g.run_id = ANY (page) AND ((g.state IN ('approved', 'rejected', 'changes_requested') AND g.decided_at >= g.deadline)
           OR (g.state = 'expired' AND g.decided_at < g.deadline))
    UNION ALL
    SELECT 'gate_against_policy', g.run_id, format('%s was approved by %s of %s people', g.gate, people.count, g.approvals)
      FROM gates AS g CROSS JOIN LATERAL (
           SELECT count(*) FROM hitl_approvals AS a WHERE a.run_id = g.run_id AND a.gate = g.gate
              AND a.opening = g.opening AND a.decision = 'approved') AS people
     WHERE g.run_id = ANY (page) AND g.state = 'approved' AND people.count < g.approvals
$$;

CREATE FUNCTION public.doctor_jobs(page text[]) RETURNS TABLE(invariant text, run_id text, detail text)
    LANGUAGE sql STABLE
    AS $$
    WITH told AS (
        SELECT r.run_id, job.key AS job_id, job.value->'phase'->>'task_id' AS task_id,
               CASE WHEN r.finished_at IS NOT NULL AND job.value->'phase'->>'phase' IN ('requested', 'submitted') THEN 'fenced'
                    -- Asked for again as another job: this one has failed.
                    WHEN job.value->'phase'->>'phase' = 'replaced' THEN 'failed'
                    ELSE job.value->'phase'->>'phase' END AS state
          FROM runs AS r, jsonb_each(CASE jsonb_typeof(r.state->'jobs') WHEN 'object' THEN r.state->'jobs'
                                     ELSE '{}' END) AS job
         WHERE r.run_id = ANY (page)
    )
    SELECT 'job_differs', coalesce(told.run_id, j.run_id), format(
           'job %s is %s (task %s) in its row and %s (task %s) in the state', coalesce(told.job_id, j.job_id),
           coalesce(j.state, 'missing'), coalesce(j.task_id, 'none'), coalesce(told.state, 'missing'),
           coalesce(told.task_id, 'none'))
      FROM told FULL JOIN (SELECT * FROM jobs WHERE jobs.run_id = ANY (page)) AS j USING (job_id, run_id)
     WHERE told.state IS DISTINCT FROM j.state
        OR (told.state IN ('submitted', 'succeeded') AND told.task_id IS DISTINCT FROM j.task_id)
    UNION ALL
    SELECT 'job_orphaned', j.run_id, format('job %s is %s, its effect %s is %s', j.job_id, j.state, x.key, x.state)
      FROM jobs AS j JOIN doctor_expected(page) AS x
        ON x.key = CASE j.state WHEN 'requested' THEN 'submit:' ELSE 'poll:' END || j.job_id
     WHERE j.run_id = ANY (page) AND j.state IN ('requested', 'submitted') AND x.state IN ('done', 'cancelled')
    UNION ALL
    SELECT 'job_submitted_twice', e.run_id, format('job %s: %s', e.data->'data'->>'job_id',
           string_agg(e.data->'data'->>'task_id', ', ' ORDER BY e.seq))
      FROM run_events AS e WHERE e.run_id = ANY (page) AND e.type = 'job.submitted'
     GROUP BY e.run_id, e.data->'data'->>'job_id' HAVING count(*) > 1
$$;

CREATE FUNCTION public.doctor_page(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    overdue timestamptz := (request->>'now')::timestamptz - make_interval(secs => (request->>'slack_seconds')::integer);
    page text[] := ARRAY[request->>'run_id'];
BEGIN
    IF request->>'run_id' IS NULL THEN
        page := ARRAY(SELECT run_id FROM runs WHERE run_id > coalesce(request->>'after', '')
                       ORDER BY run_id LIMIT (request->>'limit')::integer);
    END IF;
    RETURN jsonb_build_object(
        'runs', (SELECT coalesce(jsonb_agg(jsonb_build_object('run_id', run_id, 'status', status, 'version', version,
                        'awaiting_gate', awaiting_gate, 'deadline', deadline, 'finished_at', finished_at, 'state', state,
                        'events', (SELECT coalesce(jsonb_agg(body ORDER BY seq), '[]') FROM run_events
                                    WHERE run_events.run_id = runs.run_id)) ORDER BY run_id), '[]')
                   FROM runs WHERE run_id = ANY (page)),
        'findings', (SELECT coalesce(jsonb_agg(to_jsonb(listed) ORDER BY run_id, invariant, detail), '[]') FROM (
                        SELECT * FROM doctor_timelines(page)
                        UNION ALL SELECT * FROM doctor_runs(page, overdue)
                        UNION ALL SELECT * FROM doctor_effects(page, overdue)
                        UNION ALL SELECT * FROM doctor_jobs(page)
                        UNION ALL SELECT * FROM doctor_gates(page)) AS listed));
END $$;

CREATE FUNCTION public.doctor_rebuild(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    run jsonb := request->'run';
BEGIN
    PERFORM set_config('mw.commit', 'on', true);
    PERFORM FROM runs WHERE run_id = request->>'run_id' FOR UPDATE;
    UPDATE runs SET state = run, status = run->>'status', version = (run->>'version')::bigint, result = request->'result',
           awaiting_gate = CASE WHEN run->>'status' <> 'paused' THEN run->'gate'->>'gate' END,
           deadline = (run->>'deadline')::timestamptz, finished_at = (run->>'finished_at')::timestamptz
     WHERE run_id = request->>'run_id' AND (run->>'version')::bigint = (
           SELECT max(seq) FROM run_events WHERE run_events.run_id = request->>'run_id');
    RETURN jsonb_build_object('rebuilt', FOUND);
END $$;

CREATE FUNCTION public.doctor_runs(page text[], overdue timestamp with time zone) RETURNS TABLE(invariant text, run_id text, detail text)
    LANGUAGE sql STABLE
    AS $$
    SELECT 'run_without_deadline', r.run_id, format('%s, deadline %s, ended %s', r.status,
           coalesce(r.deadline::text, 'none'), coalesce(r.finished_at::text, 'never'))
      FROM runs AS r WHERE r.run_id = ANY (page) AND ((r.finished_at IS NULL) <> (r.deadline IS NOT NULL)
           OR (r.status IN ('published', 'failed', 'cancelled', 'rejected', 'expired')) <> (r.finished_at IS NOT NULL))
    UNION ALL
    SELECT 'run_overdue', r.run_id, format('%s, deadline %s', r.status, r.deadline)
      FROM runs AS r WHERE r.run_id = ANY (page) AND r.finished_at IS NULL AND r.deadline < overdue
    UNION ALL
    -- Where a row is missing or dead altogether, effect_lost and effect_dead say so.
    SELECT 'run_stuck', r.run_id, format('%s, and neither a person, a provider nor an effect is waited for', r.status)
      FROM runs AS r WHERE r.run_id = ANY (page) AND r.finished_at IS NULL AND r.status <> 'paused'
       AND r.awaiting_gate IS NULL
       AND NOT EXISTS (SELECT FROM jobs AS j WHERE j.run_id = r.run_id AND j.state IN ('requested', 'submitted'))
       AND NOT EXISTS (SELECT FROM outbox AS o WHERE o.run_id = r.run_id AND o.kind IN ('persona', 'submit', 'poll')
                          AND o.state IN ('due', 'leased'))
       AND NOT EXISTS (SELECT FROM doctor_expected(page) AS x WHERE x.run_id = r.run_id AND x.job_id IS NULL
                          AND x.step = r.state->>'step' AND (x.state IS NULL OR x.state NOT IN ('done', 'cancelled')))
$$;

CREATE FUNCTION public.doctor_timelines(page text[]) RETURNS TABLE(invariant text, run_id text, detail text)
    LANGUAGE sql STABLE
    AS $$
    SELECT 'timeline_gap', r.run_id,
           format('%s events, the last has number %s, the run has version %s', count(e.seq), coalesce(max(e.seq), 0), r.version)
      FROM runs AS r LEFT JOIN run_events AS e USING (run_id) WHERE r.run_id = ANY (page)
     GROUP BY r.run_id, r.version HAVING count(e.seq) <> r.version OR coalesce(max(e.seq), 0) <> r.version
    UNION ALL
    SELECT 'timeline_tampered', linked.run_id, format('event %s (%s)', linked.seq, linked.type)
      FROM (SELECT e.run_id, e.seq, e.type, e.actor, e.data, e.hash, run_event_hash(
                       coalesce(lag(e.hash) OVER timeline, convert_to(e.run_id, 'UTF8')), e.body) AS link
              FROM run_events AS e WHERE e.run_id = ANY (page)
            WINDOW timeline AS (PARTITION BY e.run_id ORDER BY e.seq)) AS linked
     WHERE linked.hash <> linked.link OR linked.seq::text IS DISTINCT FROM linked.data->>'seq'
        OR linked.type IS DISTINCT FROM linked.data->>'type' OR linked.actor IS DISTINCT FROM linked.data->>'actor'
$$;

CREATE FUNCTION public.doctor_webhooks(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    WITH page AS (
        SELECT e.id, e.run_id, e.provider, e.outcome, e.job_id, letter.id AS letter, letter.next_retry_at
          FROM (SELECT * FROM webhook_events
                 WHERE id > coalesce((request->>'after')::uuid, '00000000-0000-0000-0000-000000000000')
                 ORDER BY id LIMIT (request->>'limit')::integer) AS e
          LEFT JOIN webhook_dlq AS letter ON letter.id = e.id
    ), found AS (
        SELECT 'webhook_unprocessed' AS invariant, run_id,
               format('receipt %s of %s is %s, and neither a job nor a dead letter has it', id, provider, outcome) AS detail
          FROM page WHERE (outcome = 'dlq' AND letter IS NULL)
             OR (outcome = 'accepted' AND job_id IS NULL AND letter IS NULL)
        UNION ALL
        SELECT 'dead_letter_stalled', run_id, format('letter %s of %s was due at %s', letter, provider, next_retry_at)
          FROM page WHERE next_retry_at < (request->>'now')::timestamptz - make_interval(secs => (request->>'slack_seconds')::integer)
    )
    SELECT jsonb_build_object('count', (SELECT count(*) FROM page), 'last', (SELECT id FROM page ORDER BY id DESC LIMIT 1),
        'findings', (SELECT coalesce(jsonb_agg(to_jsonb(found) ORDER BY invariant, detail), '[]') FROM found))
$$;

CREATE FUNCTION public.drain_lock() RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT 30812045760883054 $$;

CREATE FUNCTION public.drain_refusal(decision jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF (decision->>'expected_version')::bigint IS DISTINCT FROM 0 OR EXISTS (
        SELECT FROM idempotency_keys
         WHERE caller = decision->'idempotency'->>'caller' AND key = decision->'idempotency'->>'key') THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(drain_lock());
    RETURN (SELECT jsonb_build_object('result', 'draining', 'reason', reason) FROM drain WHERE active);
END $$;

CREATE FUNCTION public.drain_state(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('on', active, 'reason', reason, 'actor', actor, 'since', since) FROM drain
$$;

CREATE FUNCTION public.drain_status(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object(
        'drain', drain_state(request),
        'runs', (SELECT coalesce(jsonb_object_agg(status, many), '{}')
                   FROM (SELECT status, count(*) AS many FROM runs WHERE finished_at IS NULL GROUP BY status) AS open),
        'effects', jsonb_build_object('due', (SELECT count(*) FROM outbox WHERE state = 'due' AND kind NOT IN ('trace', 'report')),
            'leased', (SELECT count(*) FROM outbox WHERE state = 'leased' AND kind NOT IN ('trace', 'report'))),
        'jobs', (SELECT coalesce(jsonb_object_agg(state, many), '{}')
                   FROM (SELECT jobs.state, count(*) AS many FROM jobs JOIN runs USING (run_id)
                          WHERE finished_at IS NULL AND jobs.state IN ('requested', 'submitted')
                          GROUP BY jobs.state) AS open),
        'dead_letters', (SELECT count(*) FROM webhook_dlq))
$$;

CREATE FUNCTION public.drain_switch(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    wish boolean := (request->>'on')::boolean;
    before boolean;
BEGIN
    PERFORM pg_advisory_xact_lock(drain_lock());
    SELECT active INTO before FROM drain;
    UPDATE drain SET active = wish, actor = request->>'actor', reason = request->>'reason',
           since = CASE WHEN before = wish THEN since ELSE (request->>'now')::timestamptz END;
    RETURN jsonb_build_object('changed', before <> wish);
END $$;

CREATE FUNCTION public.effect_restore(job public.jobs, a_now timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    needed text := CASE job.state WHEN 'requested' THEN 'submit' ELSE 'poll' END;
BEGIN
    PERFORM FROM runs WHERE run_id = job.run_id AND finished_at IS NULL FOR UPDATE SKIP LOCKED;
    IF NOT FOUND OR NOT EXISTS (SELECT FROM jobs WHERE job_id = job.job_id AND state = job.state)
        OR EXISTS (SELECT FROM outbox WHERE job_id = job.job_id AND state IN ('due', 'leased', 'held', 'dead')) THEN
        RETURN 0;
    END IF;
    INSERT INTO outbox AS lost (key, run_id, kind, provider, job_id, payload, state, due_at, sent_at, last_error,
                                created_at, updated_at)
    SELECT needed || ':' || job.job_id, job.run_id, needed,
           CASE state->>'mode' WHEN 'mock' THEN 'mock' ELSE job.provider END, job.job_id, '{}', 'due', a_now,
           CASE WHEN needed = 'submit' THEN a_now END, 'the effect was lost', a_now, a_now
      FROM runs WHERE run_id = job.run_id
    ON CONFLICT (key) DO UPDATE SET state = 'due', due_at = a_now, attempt = 0, fence = lost.fence + 1,
           sent_at = excluded.sent_at, last_error = excluded.last_error, updated_at = a_now;
    RETURN 1;
END $$;

CREATE FUNCTION public.effect_settle(settle jsonb, a_now timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    settled boolean;
BEGIN
    UPDATE outbox SET
        state = CASE settle->>'outcome' WHEN 'done' THEN 'done' WHEN 'dead' THEN 'dead' WHEN 'hold' THEN 'held'
                     ELSE 'due' END,
        lease_until = NULL,
        attempt = CASE WHEN (settle->>'uncounted')::boolean OR settle->>'outcome' = 'hold' THEN attempt - 1 ELSE attempt END,
        due_at = CASE WHEN poked AND settle->>'outcome' = 'again' THEN a_now
                      ELSE coalesce((settle->>'due_at')::timestamptz, due_at) END,
        sent_at = CASE WHEN (settle->>'not_sent')::boolean THEN NULL ELSE sent_at END,
        poked = false,
        last_error = coalesce(settle->>'error', last_error),
        updated_at = a_now
     WHERE effect_id = (settle->>'effect_id')::bigint AND fence = (settle->>'fence')::bigint AND state = 'leased';
    settled := FOUND;
    IF settled AND settle->>'outcome' = 'dead' THEN
        PERFORM export_death((settle->>'effect_id')::bigint, a_now);
    END IF;
    RETURN settled;
END $$;

CREATE FUNCTION public.effects_claim(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    page integer := (request->>'limit')::integer;
    a_lease_until timestamptz := a_now + make_interval(secs => (request->>'lease_seconds')::integer);
    providers text[];
    lanes jsonb;
    claimed jsonb;
BEGIN
    -- From here on a new effect needs a new kick.
    UPDATE leases SET held_until = a_now WHERE name = 'kick' AND held_until > a_now;
    SELECT array_agg(provider) INTO providers FROM provider_states
     WHERE (request ? 'tells' OR provider NOT IN ('telegram', 'slack', 'otlp', 'sentry'))
       AND (EXISTS (SELECT FROM outbox WHERE outbox.state = 'due' AND outbox.provider = provider_states.provider
                       AND outbox.lane = 'look' AND outbox.due_at <= a_now)
            OR EXISTS (SELECT FROM outbox WHERE outbox.state = 'due' AND outbox.provider = provider_states.provider
                          AND outbox.lane = 'start' AND outbox.due_at <= a_now));
    IF providers IS NULL THEN
        RETURN '{"effects": [], "runs": {}}';
    END IF;
    PERFORM FROM provider_states WHERE provider = ANY (providers) ORDER BY provider FOR NO KEY UPDATE;
    SELECT jsonb_agg(to_jsonb(row)) INTO lanes FROM lanes_due(providers, a_now) AS row;

    WITH lane AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(lanes) AS row (provider text, lane text, quota bigint, share bigint,
                                                        probe boolean, in_outage boolean, start_at timestamptz)
    ), candidates AS (
        SELECT lane.*, effect.*, row_number() OVER (PARTITION BY provider, lane ORDER BY due_at, effect_id) AS place
          FROM lane CROSS JOIN LATERAL (
               SELECT effect_id, due_at FROM outbox
                WHERE outbox.state = 'due' AND outbox.provider = lane.provider AND outbox.lane = lane.lane
                  AND outbox.due_at <= a_now
                ORDER BY due_at, effect_id LIMIT least(lane.quota, page)) AS effect
    ), turns AS (
        -- A look costs nothing and frees what it ends, so it goes first.
        SELECT *, row_number() OVER (PARTITION BY provider ORDER BY place, lane) AS turn FROM candidates
    ), chosen AS (
        SELECT * FROM turns WHERE turn <= share ORDER BY place, due_at, effect_id LIMIT page
    ), picked AS (
        SELECT outbox.effect_id, sent_at AS sent_before, chosen.provider, chosen.lane, probe, in_outage, start_at
          FROM outbox JOIN chosen USING (effect_id) WHERE outbox.state = 'due' FOR UPDATE OF outbox SKIP LOCKED
    ), leased AS (
        UPDATE outbox SET state = 'leased', attempt = attempt + 1, fence = fence + 1, poked = false,
               lease_until = a_lease_until,
               sent_at = CASE WHEN kind = 'submit' THEN coalesce(sent_at, start_at) END, updated_at = a_now
          FROM picked WHERE outbox.effect_id = picked.effect_id
        RETURNING outbox.*, picked.sent_before, picked.lane AS claimed_lane, picked.probe, picked.in_outage
    ), counted AS (
        UPDATE provider_states AS held SET
               starts = CASE WHEN begun = 0 OR starts_max IS NULL THEN starts ELSE
                        starts_recent(starts, make_interval(secs => window_seconds), a_now)
                        || array_fill(taken.start_at, ARRAY[begun::integer]) END,
               breaker = CASE WHEN probing IS NULL THEN breaker ELSE 'half_open' END,
               retry_at = CASE WHEN probing IS NULL THEN retry_at ELSE a_lease_until END,
               probe_effect_id = coalesce(probing, probe_effect_id)
          FROM (SELECT provider, count(*) FILTER (WHERE lane = 'start') AS begun, max(start_at) AS start_at,
                       max(effect_id) FILTER (WHERE probe) AS probing FROM picked GROUP BY provider) AS taken
         WHERE held.provider = taken.provider AND (probing IS NOT NULL OR (begun > 0 AND starts_max IS NOT NULL))
    )
    SELECT jsonb_agg(jsonb_build_object('effect_id', leased.effect_id, 'fence', fence, 'kind', leased.kind,
               'provider', leased.provider, 'lane', claimed_lane, 'run_id', leased.run_id, 'job_id', leased.job_id,
               'payload', payload, 'attempt', attempt, 'sent_before', sent_before, 'probe', probe,
               'in_outage', in_outage, 'hint', jobs.hint) ORDER BY leased.due_at, leased.effect_id)
      INTO claimed FROM leased LEFT JOIN jobs USING (job_id);
    RETURN jsonb_build_object('effects', coalesce(claimed, '[]'), 'runs', (
        SELECT coalesce(jsonb_object_agg(run_id, state), '{}') FROM runs
         WHERE run_id IN (SELECT row->>'run_id' FROM jsonb_array_elements(claimed) AS row)),
        'wait_seconds', (SELECT extract(epoch FROM min(open_at) - a_now)
                           FROM jsonb_to_recordset(lanes) AS row (quota bigint, open_at timestamptz)
                          WHERE quota = 0 AND open_at > a_now));
END $$;

CREATE FUNCTION public.effects_restore(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    page integer := (request->>'limit')::integer;
    first_job_id text;
    last_job_id text;
    looked integer;
    acted integer;
    job jobs;
BEGIN
    SELECT holder INTO first_job_id FROM leases WHERE name = 'lost_effects' AND held_until <= a_now FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('acted', 0, 'more', false);
    END IF;
    UPDATE outbox SET state = 'due', due_at = a_now, updated_at = a_now WHERE effect_id IN (
        SELECT effect_id FROM outbox JOIN runs USING (run_id) WHERE outbox.state = 'held' AND runs.status <> 'paused'
         LIMIT page FOR UPDATE OF outbox SKIP LOCKED);
    GET DIAGNOSTICS acted = ROW_COUNT;
    SELECT max(job_id), count(*) INTO last_job_id, looked FROM (
        SELECT job_id FROM jobs WHERE state IN ('requested', 'submitted') AND job_id > first_job_id
         ORDER BY job_id LIMIT page) AS listed;
    FOR job IN SELECT * FROM jobs WHERE state IN ('requested', 'submitted')
                  AND job_id > first_job_id AND job_id <= last_job_id
                  AND NOT EXISTS (SELECT FROM outbox WHERE outbox.job_id = jobs.job_id
                                     AND outbox.state IN ('due', 'leased', 'held', 'dead')) ORDER BY job_id LOOP
        acted := acted + effect_restore(job, a_now);
    END LOOP;
    UPDATE leases SET holder = CASE WHEN looked = page THEN last_job_id ELSE '' END,
           held_until = CASE WHEN looked = page THEN held_until ELSE a_now + interval '1 minute' END
     WHERE name = 'lost_effects';
    RETURN jsonb_build_object('acted', acted, 'more', looked = page);
END $$;

CREATE FUNCTION public.export_add(a_kind text, a_key text, a_run_id text, payload jsonb, a_now timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO outbox (key, run_id, kind, provider, payload, state, due_at, created_at, updated_at)
    SELECT format('%s:%s', kind, a_key), a_run_id, kind, CASE kind WHEN 'trace' THEN 'otlp' ELSE 'sentry' END,
           payload || jsonb_build_object('at', a_now), 'due', a_now, a_now, a_now
      FROM exports WHERE kind = a_kind AND wanted_until > a_now
    ON CONFLICT (key) DO NOTHING;
    RETURN FOUND;
END $$;

CREATE FUNCTION public.export_death(an_effect_id bigint, a_now timestamp with time zone) RETURNS void
    LANGUAGE sql
    AS $$
    SELECT export_add('report', format('effect:%s:%s', effect_id, fence), run_id,
                      jsonb_build_object('effect', jsonb_build_object('effect_id', effect_id, 'kind', kind, 'provider',
                          provider, 'attempt', attempt, 'error', left(coalesce(last_error, 'given up'), 500))), a_now)
      FROM outbox WHERE effect_id = an_effect_id AND kind NOT IN ('trace', 'report')
$$;

CREATE FUNCTION public.export_end(run jsonb, a_now timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_run_id text := run->>'run_id';
    traced boolean := export_add('trace', a_run_id, a_run_id, jsonb_build_object('through', run->'version'), a_now);
BEGIN
    RETURN (run->>'status' = 'failed' AND export_add('report', 'run:' || a_run_id, a_run_id, '{}', a_now))
           OR traced;
END $$;

CREATE FUNCTION public.exports_want(wanted jsonb, a_now timestamp with time zone) RETURNS void
    LANGUAGE sql
    AS $$
    UPDATE exports SET wanted_until = a_now + interval '1 day'
     WHERE (wanted->>kind)::boolean AND wanted_until < a_now + interval '23 hours'
$$;

CREATE FUNCTION public.gates_open(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    WITH page AS MATERIALIZED (
        SELECT gates.deadline, gates.run_id, runs.state, row_number() OVER (ORDER BY gates.deadline, gates.run_id) AS place
          FROM gates JOIN runs ON runs.run_id = gates.run_id AND runs.awaiting_gate = gates.gate
         WHERE gates.state = 'open'
           AND (request->>'gate' IS NULL OR gates.gate = request->>'gate')
           AND (request->>'project' IS NULL OR runs.project = request->>'project')
           AND (gates.deadline, gates.run_id) > (coalesce((request->'after'->>'deadline')::timestamptz, '-infinity'),
                                                 coalesce(request->'after'->>'run_id', ''))
         ORDER BY gates.deadline, gates.run_id LIMIT (request->>'limit')::integer + 1)
    SELECT jsonb_build_object('more', count(*) > (request->>'limit')::integer,
        'gates', coalesce(jsonb_agg(jsonb_build_object('deadline', deadline, 'run_id', run_id, 'run', state) ORDER BY place)
                          FILTER (WHERE place <= (request->>'limit')::integer), '[]'))
      FROM page
$$;

CREATE FUNCTION public.insight_read(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    WITH since AS MATERIALIZED (
        SELECT (request->>'now')::timestamptz - make_interval(days => (request->>'days')::integer) AS at
    ), found AS MATERIALIZED (
        SELECT run_id, project, status, created_at, finished_at, result->'error'->>'error_type' AS error
          FROM runs WHERE created_at >= (SELECT at FROM since)
         ORDER BY created_at DESC, run_id DESC LIMIT 20001
    ), newest AS MATERIALIZED (
        SELECT * FROM found ORDER BY created_at DESC, run_id DESC LIMIT 20000
    ), decided AS (
        SELECT gates.gate, gates.state, extract(epoch FROM decided_at - opened_at) AS seconds
          FROM newest JOIN gates USING (run_id)
    ), waiting AS (
        SELECT count(*) AS gates, min(opened_at) AS oldest
          FROM (SELECT opened_at FROM gates WHERE state = 'open' ORDER BY deadline, run_id LIMIT 1000) AS open
    )
    SELECT jsonb_build_object(
        'since', (SELECT at FROM since),
        'counted', (SELECT count(*) FROM newest),
        'more', (SELECT count(*) FROM found) > 20000,
        'projects', (SELECT coalesce(jsonb_agg(jsonb_build_object('project', project, 'status', status, 'runs', runs)
                         ORDER BY project, status), '[]')
                       FROM (SELECT project, status, count(*) AS runs FROM newest GROUP BY project, status) AS each),
        'publish_seconds', (SELECT jsonb_build_object('p50', percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds),
                                                      'p95', percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds))
                              FROM (SELECT extract(epoch FROM finished_at - created_at) AS seconds FROM newest
                                     WHERE status = 'published') AS published),
        'gates', (SELECT coalesce(jsonb_agg(jsonb_build_object('gate', gate, 'state', state, 'openings', openings,
                             'p50_seconds', p50) ORDER BY gate, state), '[]')
                    FROM (SELECT gate, state, count(*) AS openings,
                                 percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50
                            FROM decided GROUP BY gate, state) AS each),
        'errors', (SELECT coalesce(jsonb_agg(jsonb_build_object('type', error, 'runs', runs) ORDER BY runs DESC, error), '[]')
                     FROM (SELECT error, count(*) AS runs FROM newest WHERE error IS NOT NULL
                            GROUP BY error ORDER BY count(*) DESC, error LIMIT 10) AS each),
        'open_gates', (SELECT gates FROM waiting),
        'oldest_open_at', (SELECT oldest FROM waiting))
$$;

CREATE FUNCTION public.job_match(a_provider text, a_match jsonb) RETURNS public.jobs
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    found jobs;
    fitting jobs[];
BEGIN
    -- This is on the path of every delivery: one look by the primary key is all that most need.
    SELECT * INTO found FROM jobs
     WHERE job_id = a_match->>'job_id' AND (provider = a_provider OR a_provider LIKE 'std:%');
    IF found.job_id IS NULL THEN
        SELECT * INTO found FROM jobs
         WHERE job_id = a_match->>'task_id' AND (provider = a_provider OR a_provider LIKE 'std:%');
    END IF;
    IF found.job_id IS NULL THEN
        fitting := ARRAY(SELECT job FROM jobs_fitting(a_provider, a_match) AS job);
        found := CASE WHEN cardinality(fitting) = 1 THEN fitting[1] END;
    END IF;
    RETURN found;
END $$;

CREATE FUNCTION public.job_match_failure(a_provider text, a_match jsonb) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE
        WHEN a_match = '{}' THEN 'no_reference'
        WHEN fitting = 0 THEN 'unknown_job'
        WHEN by_task THEN 'ambiguous_task'
        ELSE 'ambiguous_account' END
      FROM (SELECT count(*) AS fitting, bool_or(task_id = a_match->>'task_id') AS by_task
              FROM jobs_fitting(a_provider, a_match)) AS found
$$;

CREATE FUNCTION public.job_poke(a_job_id text, a_hint jsonb, a_now timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    awake boolean;
BEGIN
    UPDATE outbox SET due_at = CASE WHEN state = 'due' THEN least(due_at, a_now) ELSE due_at END,
           poked = (state = 'leased'), updated_at = a_now
     WHERE job_id = a_job_id AND state IN ('due', 'leased') AND (kind = 'poll' OR sent_at IS NOT NULL);
    awake := FOUND;
    UPDATE jobs SET hint = coalesce(hint, '{}') || a_hint, updated_at = a_now
     WHERE job_id = a_job_id AND state IN ('requested', 'submitted') AND NOT coalesce(hint, '{}') @> a_hint;
    IF NOT awake THEN
        -- The job's commit may have ended just now: its poll is new. Not waited for, since we hold the job.
        UPDATE outbox SET due_at = least(due_at, a_now), updated_at = a_now
         WHERE effect_id = (SELECT effect_id FROM outbox WHERE job_id = a_job_id AND state = 'due' AND kind = 'poll'
                            FOR UPDATE SKIP LOCKED);
        awake := FOUND;
    END IF;
    RETURN awake;
END $$;

CREATE FUNCTION public.jobs_fitting(a_provider text, a_match jsonb) RETURNS SETOF public.jobs
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    -- A successor follows a task of its ended parent: the job that is still at work counts.
    RETURN QUERY SELECT * FROM jobs WHERE task_id = a_match->>'task_id'
        AND provider IN ('kieai', 'shotstack', 'upload-post')
        AND (provider = a_provider OR a_provider LIKE 'std:%') AND state <> 'fenced' LIMIT 2;
    IF NOT FOUND THEN
        RETURN QUERY SELECT * FROM jobs WHERE task_id = a_match->>'task_id'
            AND provider IN ('kieai', 'shotstack', 'upload-post')
            AND (provider = a_provider OR a_provider LIKE 'std:%') LIMIT 2;
    END IF;
    IF NOT FOUND THEN
        RETURN QUERY SELECT * FROM jobs WHERE account = a_match->>'account' AND provider = a_provider
            AND state IN ('requested', 'submitted') LIMIT 2;
    END IF;
END $$;

CREATE FUNCTION public.jobs_observe(a_run_id text, rows jsonb, a_now timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO metric_observations (name, labels, value)
    SELECT CASE jobs.kind WHEN 'generate' THEN 'kieai_job_seconds' WHEN 'render' THEN 'shotstack_render_seconds'
                WHEN 'publish' THEN 'upload_post_seconds' END,
           format('outcome="%s"', jobs.state), greatest(0, extract(epoch FROM a_now - jobs.created_at))
      FROM jobs WHERE job_id IN (SELECT row->>'job_id' FROM jsonb_array_elements(rows) AS row
                                  WHERE row->>'state' IN ('succeeded', 'failed'))
       AND jobs.run_id = a_run_id AND jobs.state IN ('succeeded', 'failed');
END $$;

CREATE FUNCTION public.kb_answer(request jsonb) RETURNS jsonb
    LANGUAGE sql
    AS $_$
    WITH found AS MATERIALIZED (
        SELECT kb_search(jsonb_build_object('query', request->>'query', 'limit', request->'passages_max', 'counted', true))
                   AS answer
    ), listed AS (
        SELECT passage, place, passage->>'content' AS content, (passage->>'coverage')::double precision AS coverage,
               max((passage->>'coverage')::double precision) OVER () AS best
          FROM found, jsonb_array_elements(answer->'passages') WITH ORDINALITY AS row (passage, place)
    )
    SELECT jsonb_build_object(
               'text', string_agg(CASE WHEN length(content) <= (request->>'chars_max')::integer THEN content
                   ELSE regexp_replace(left(content, (request->>'chars_max')::integer), '\s+\S*$', '') || ' …' END
                   || E'\n(' || (passage->>'path') || ')', E'\n\n' ORDER BY place),
               'citations', coalesce(jsonb_agg(jsonb_build_object('doc_id', passage->'doc_id', 'path', passage->'path',
                   'reason', 'has ' || (SELECT string_agg(word, ', ') FROM jsonb_array_elements_text(passage->'words') AS word))
                   ORDER BY place), '[]'))
      FROM listed
     WHERE coverage >= (request->>'coverage_min')::double precision
       AND coverage >= best * (request->>'coverage_near')::double precision
$_$;

CREATE FUNCTION public.kb_apply(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    removed text[];
    changed text[];
    added text[];
    stale uuid[];
    lost bigint;
    won bigint;
BEGIN
    PERFORM FROM kb_corpus FOR UPDATE;
    -- Arrays are looked up by key; lists of unknown size could be joined by a scan.
    removed := ARRAY(SELECT jsonb_array_elements_text(request->'gone'));
    removed := ARRAY(SELECT path FROM kb_documents WHERE path = ANY (removed) ORDER BY path);
    changed := ARRAY(SELECT given->>'path' FROM jsonb_array_elements(request->'documents') AS given);
    changed := ARRAY(SELECT path FROM kb_documents JOIN jsonb_array_elements(request->'documents') AS given
                         ON path = given->>'path' AND hash <> given->>'hash'
                      WHERE path = ANY (changed) ORDER BY path);
    stale := ARRAY(SELECT id FROM kb_documents WHERE path = ANY (removed || changed));

    WITH dropped AS (DELETE FROM kb_chunks WHERE doc_id = ANY (stale) RETURNING chunk_id, tsv),
    fewer AS (UPDATE kb_lexemes SET chunks = kb_lexemes.chunks - gone.many
                FROM (SELECT word.lexeme, count(*) AS many FROM dropped, unnest(tsv) AS word GROUP BY word.lexeme) AS gone
               WHERE kb_lexemes.lexeme = gone.lexeme)
    SELECT count(*) INTO lost FROM dropped;
    DELETE FROM kb_documents WHERE path = ANY (removed);
    DELETE FROM kb_lexemes WHERE chunks = 0;

    WITH given AS MATERIALIZED (
        SELECT given->>'path' AS path, given->>'project' AS project, given->>'persona' AS persona,
               given->>'content' AS content, given->>'hash' AS hash, given->'passages' AS passages
          FROM jsonb_array_elements(request->'documents') AS given
    ), kept AS (
        INSERT INTO kb_documents AS held (path, project, persona, content, hash, created_at, updated_at)
        SELECT path, project, persona, content, hash, a_now, a_now FROM given
        ON CONFLICT (path) DO UPDATE SET project = excluded.project, persona = excluded.persona,
               content = excluded.content, hash = excluded.hash, updated_at = excluded.updated_at
         WHERE held.hash <> excluded.hash
        RETURNING id, path
    ), passages AS (
        INSERT INTO kb_chunks (doc_id, position, title, content)
        SELECT kept.id, listed.position, listed.passage->>'title', listed.passage->>'content'
          FROM kept JOIN given USING (path),
               jsonb_array_elements(given.passages) WITH ORDINALITY AS listed (passage, position)
        RETURNING tsv
    ), more AS (
        INSERT INTO kb_lexemes AS held (lexeme, chunks)
        SELECT word.lexeme, count(*) FROM passages, unnest(tsv) AS word GROUP BY word.lexeme
        ON CONFLICT (lexeme) DO UPDATE SET chunks = held.chunks + excluded.chunks
    )
    SELECT (SELECT count(*) FROM passages),
           ARRAY(SELECT path FROM kept WHERE path <> ALL (changed) ORDER BY path) INTO won, added;
    UPDATE kb_corpus SET chunks = chunks + won - lost, changed_at = a_now WHERE won > 0 OR lost > 0;
    RETURN jsonb_build_object('added', to_jsonb(added), 'changed', to_jsonb(changed), 'removed', to_jsonb(removed));
END $$;

CREATE FUNCTION public.kb_by_meaning(vector jsonb, a_project text, a_persona text) RETURNS TABLE(chunk_id bigint, place bigint, similarity double precision)
    LANGUAGE plpgsql STABLE ROWS 50
    AS $$
BEGIN
    -- Neighbours that the reader may not see are passed over, so some more are looked at.
    PERFORM set_config('hnsw.ef_search', '200', true);
    RETURN QUERY
    WITH nearest AS MATERIALIZED (
        SELECT kb_embeddings.chunk_id, kb_embeddings.embedding <=> vector::text::vector AS distance
          FROM kb_embeddings ORDER BY distance LIMIT 200
    ), best AS (
        SELECT DISTINCT ON (doc_id) nearest.chunk_id, nearest.distance
          FROM nearest JOIN kb_chunks USING (chunk_id) JOIN kb_documents ON id = doc_id
         WHERE (a_project IS NULL OR project IS NULL OR project = a_project)
           AND (a_persona IS NULL OR persona IS NULL OR persona = a_persona)
         ORDER BY doc_id, nearest.distance
    )
    SELECT best.chunk_id, row_number() OVER (ORDER BY distance, best.chunk_id), 1 - distance
      FROM best ORDER BY distance, best.chunk_id LIMIT 50;
END $$;

CREATE FUNCTION public.kb_by_words(question text, a_project text, a_persona text) RETURNS TABLE(chunk_id bigint, place bigint, coverage double precision, matched text[])
    LANGUAGE plpgsql STABLE ROWS 50
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    -- Words of questions that the dictionary keeps, and that no answer is about.
    idle constant text[] := '{could, get, happen, let, mani, may, much, need, pleas, tell, want, would}';
    asked text[] := ARRAY(SELECT lexeme FROM unnest(to_tsvector('english', question)) AS word
                           WHERE lexeme <> ALL (idle) ORDER BY lexeme LIMIT 64);
    total double precision;
    known text[];
    weights double precision[];
    rare tsquery;
    every tsquery;
BEGIN
    WITH weighed AS (
        SELECT lexeme, coalesce(held.chunks, 0) AS many,
               ln(1 + (corpus.chunks - coalesce(held.chunks, 0) + 0.5) / (coalesce(held.chunks, 0) + 0.5)) AS weight
          FROM kb_corpus AS corpus, unnest(asked) AS lexeme
          LEFT JOIN kb_lexemes AS held USING (lexeme)
    ), ordered AS (
        SELECT *, row_number() OVER running AS rank, sum(many) OVER running AS reach FROM weighed WHERE many > 0
        WINDOW running AS (ORDER BY many, lexeme)
    )
    SELECT (SELECT sum(weight) FROM weighed), array_agg(lexeme ORDER BY rank), array_agg(weight ORDER BY rank),
           kb_query(array_agg(lexeme) FILTER (WHERE rank = 1 OR reach <= 2000), '|'), kb_query(array_agg(lexeme), '&')
      INTO total, known, weights, rare, every FROM ordered WHERE rank <= 16;
    RETURN QUERY
    WITH words AS MATERIALIZED (
        SELECT lexeme, weight, kb_query(ARRAY[lexeme], '|') AS query FROM unnest(known, weights) AS word (lexeme, weight)
    ), candidates AS MATERIALIZED (
        (SELECT kb_chunks.chunk_id, kb_chunks.doc_id, kb_chunks.tsv,
                1 + 0.25 * ((project = a_project) IS TRUE)::integer + 0.25 * ((persona = a_persona) IS TRUE)::integer AS fit
           FROM kb_chunks JOIN kb_documents ON id = doc_id
          WHERE tsv @@ every
            AND (a_project IS NULL OR project IS NULL OR project = a_project)
            AND (a_persona IS NULL OR persona IS NULL OR persona = a_persona) LIMIT 1000)
        UNION ALL
        (SELECT kb_chunks.chunk_id, kb_chunks.doc_id, kb_chunks.tsv,
                1 + 0.25 * ((project = a_project) IS TRUE)::integer + 0.25 * ((persona = a_persona) IS TRUE)::integer AS fit
           FROM kb_chunks JOIN kb_documents ON id = doc_id
          WHERE tsv @@ rare AND NOT tsv @@ every
            AND (a_project IS NULL OR project IS NULL OR project = a_project)
            AND (a_persona IS NULL OR persona IS NULL OR persona = a_persona) LIMIT 2000)
    ), scored AS (
        SELECT candidates.chunk_id, candidates.doc_id, sum(weight) AS covered, array_agg(lexeme) AS hits,
               -- Standing there says most; again, or in a heading, adds less and less.
               fit * sum(weight * (1 + ts_rank('{0.3, 0.3, 0.6, 1}', tsv, words.query))) AS strength
          FROM candidates JOIN words ON tsv @@ words.query
         GROUP BY candidates.chunk_id, candidates.doc_id, fit
    ), best AS (
        SELECT DISTINCT ON (scored.doc_id) * FROM scored ORDER BY scored.doc_id, strength DESC, scored.chunk_id
    )
    SELECT best.chunk_id, row_number() OVER (ORDER BY strength DESC, best.chunk_id), covered / total, hits
      FROM best ORDER BY strength DESC, best.chunk_id LIMIT 50;
END $$;

CREATE FUNCTION public.kb_embed(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    kept bigint;
BEGIN
    PERFORM FROM kb_corpus WHERE embedder = request->>'embedder' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '{"kept": 0}';
    END IF;
    INSERT INTO kb_embeddings (chunk_id, embedding)
    SELECT chunk_id, (given->>'vector')::vector
      FROM jsonb_array_elements(request->'vectors') AS given JOIN kb_chunks ON chunk_id = (given->>'chunk_id')::bigint
    ON CONFLICT (chunk_id) DO UPDATE SET embedding = excluded.embedding;
    GET DIAGNOSTICS kept = ROW_COUNT;
    RETURN jsonb_build_object('kept', kept);
END $$;

CREATE FUNCTION public.kb_list(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('documents', coalesce(jsonb_agg(jsonb_build_object('path', path, 'hash', hash) ORDER BY path), '[]'),
               'embedder', (SELECT embedder FROM kb_corpus), 'vectors', to_regclass('kb_embeddings') IS NOT NULL)
      FROM (SELECT path, hash FROM kb_documents WHERE path > coalesce(request->>'after', '')
             ORDER BY path LIMIT (request->>'limit')::integer) AS page
$$;

CREATE FUNCTION public.kb_query(lexemes text[], operator text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT string_agg('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''', operator)::tsquery
      FROM unnest(lexemes) AS lexeme
$$;

CREATE FUNCTION public.kb_read(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('documents', coalesce(jsonb_agg(to_jsonb(page) ORDER BY path), '[]'))
      FROM (SELECT path, project, persona, content, hash FROM kb_documents WHERE path > coalesce(request->>'after', '')
             ORDER BY path LIMIT (request->>'limit')::integer) AS page
$$;

CREATE FUNCTION public.kb_search(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_project text := request->>'project';
    a_persona text := request->>'persona';
    the_embedder text := (SELECT embedder FROM kb_corpus);
    meant jsonb := '[]';
    rankings integer := 1;
    passages jsonb;
BEGIN
    IF request->>'vector' IS NOT NULL THEN
        IF the_embedder IS DISTINCT FROM request->>'embedder' THEN
            RETURN jsonb_build_object('passages', '[]'::jsonb, 'embedder', the_embedder, 'mismatch', true);
        END IF;
        rankings := 2;
        SELECT coalesce(jsonb_agg(jsonb_build_object('chunk_id', chunk_id, 'place', place, 'similarity', similarity)), '[]')
          INTO meant FROM kb_by_meaning(request->'vector', a_project, a_persona);
    END IF;
    WITH by_words AS MATERIALIZED (
        SELECT * FROM kb_by_words(request->>'query', a_project, a_persona)
    ), by_meaning AS (
        SELECT * FROM jsonb_to_recordset(meant) AS row (chunk_id bigint, place bigint, similarity double precision)
    ), fused AS (
        SELECT doc_id, sum(61 / (60 + each.place)::double precision) / rankings AS score, max(each.coverage) AS coverage,
               max(each.similarity) AS similarity, max(each.matched) AS words,
               (array_agg(kb_chunks.chunk_id ORDER BY each.place, each.similarity))[1] AS chunk_id
          FROM (SELECT chunk_id, place, coverage, NULL::double precision AS similarity, matched FROM by_words
                UNION ALL
                SELECT chunk_id, place, NULL, similarity, NULL FROM by_meaning) AS each
          JOIN kb_chunks USING (chunk_id)
         GROUP BY doc_id ORDER BY score DESC, doc_id LIMIT (request->>'limit')::integer
    )
    SELECT coalesce(jsonb_agg(jsonb_build_object('doc_id', doc_id, 'path', path, 'title', title,
               'content', kb_chunks.content, 'score', score, 'coverage', coalesce(coverage, 0), 'similarity', similarity,
               'words', coalesce(to_jsonb(words), '[]')) ORDER BY score DESC, doc_id), '[]')
      INTO passages
      FROM fused JOIN kb_chunks USING (chunk_id, doc_id) JOIN kb_documents ON kb_documents.id = doc_id;
    IF (request->>'counted')::boolean THEN
        INSERT INTO metric_observations (name, labels, value)
        SELECT 'kb_search_seconds', format('project="%s",persona="%s"',
                   -- Only names that we know: whoever asks makes no series.
                   CASE WHEN a_project IS NULL THEN 'all'
                        WHEN EXISTS (SELECT FROM projects WHERE key = a_project) THEN a_project ELSE 'other' END,
                   CASE WHEN a_persona IS NULL THEN 'all'
                        WHEN a_persona IN ('brendan', 'iggy', 'riley', 'alex', 'quinn', 'morgan') THEN a_persona ELSE 'other' END),
               extract(epoch FROM clock_timestamp() - statement_timestamp());
    END IF;
    RETURN jsonb_build_object('passages', passages, 'embedder', the_embedder);
END $$;

CREATE FUNCTION public.kb_vectorless(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    page jsonb;
BEGIN
    IF NOT kb_vectors_prepare() THEN
        RETURN '{"ready": false, "passages": []}';
    END IF;
    PERFORM FROM kb_corpus FOR UPDATE;
    UPDATE kb_corpus SET embedder = request->>'embedder' WHERE embedder IS DISTINCT FROM request->>'embedder';
    IF FOUND THEN
        DELETE FROM kb_embeddings;
    END IF;
    SELECT coalesce(jsonb_agg(jsonb_build_object('chunk_id', chunk_id, 'title', title, 'content', content) ORDER BY chunk_id), '[]')
      INTO page
      FROM (SELECT chunk_id, title, content FROM kb_chunks
             WHERE chunk_id > coalesce((request->>'after')::bigint, 0)
               AND NOT EXISTS (SELECT FROM kb_embeddings WHERE kb_embeddings.chunk_id = kb_chunks.chunk_id)
             ORDER BY chunk_id LIMIT (request->>'limit')::integer) AS bare;
    RETURN jsonb_build_object('ready', true, 'passages', page);
END $$;

CREATE FUNCTION public.kb_vectors_prepare() RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF to_regclass('kb_embeddings') IS NOT NULL THEN
        RETURN true;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') THEN
        RETURN false;
    END IF;
    CREATE EXTENSION IF NOT EXISTS vector;
    CREATE TABLE kb_embeddings (
        chunk_id  bigint PRIMARY KEY REFERENCES kb_chunks (chunk_id) ON DELETE CASCADE,
        embedding vector(1536) NOT NULL
    );
    CREATE INDEX kb_embeddings_by_cosine ON kb_embeddings USING hnsw (embedding vector_cosine_ops);
    RETURN true;
EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
    -- Not ours to install, or too old for this index.
    RETURN false;
END $$;

CREATE FUNCTION public.kick_take(a_now timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE leases SET held_until = a_now + interval '100 milliseconds'
     WHERE name = (SELECT name FROM leases WHERE name = 'kick' AND held_until <= a_now FOR UPDATE SKIP LOCKED);
    RETURN FOUND;
END $$;

CREATE FUNCTION public.lanes_due(providers text[], a_now timestamp with time zone) RETURNS TABLE(provider text, lane text, quota bigint, share bigint, probe boolean, in_outage boolean, start_at timestamp with time zone, open_at timestamp with time zone)
    LANGUAGE sql STABLE
    AS $$
    WITH counted AS (
        SELECT states.*, make_interval(secs => window_seconds) AS span,
               -- Counted no further than the limit.
               CASE WHEN in_flight_max IS NOT NULL THEN in_flight_max - (SELECT count(*) FROM (
                    SELECT FROM outbox WHERE outbox.state = 'leased' AND outbox.provider = states.provider
                     LIMIT in_flight_max) AS leased) END AS flights_left,
               CASE WHEN open_jobs_max IS NOT NULL THEN open_jobs_max - (SELECT count(*) FROM (
                    SELECT FROM outbox WHERE outbox.state IN ('due', 'leased') AND outbox.lane = 'look'
                       AND outbox.provider = states.provider LIMIT open_jobs_max) AS looks) END AS jobs_left
          FROM provider_states AS states WHERE states.provider = ANY (providers)
    ), limited AS (
        SELECT counted.*, lane.lane, recent.starts AS recent,
               -- When the starts_max-th newest start leaves the window.
               recent.starts[cardinality(recent.starts) - starts_max + 1] + span AS window_full_until,
               greatest(retry_at, CASE lane.lane WHEN 'start' THEN start_held_until ELSE look_held_until END) AS shut_until
          FROM counted CROSS JOIN unnest(ARRAY['look', 'start']) AS lane (lane)
               CROSS JOIN LATERAL (SELECT starts_recent(counted.starts, span, a_now) AS starts) AS recent
         WHERE EXISTS (SELECT FROM outbox WHERE outbox.state = 'due' AND outbox.provider = counted.provider
                          AND outbox.lane = lane.lane AND outbox.due_at <= a_now)
    )
    -- least() and greatest() leave NULLs, the absent limits, out.
    SELECT provider, lane,
           CASE WHEN shut_until > a_now THEN 0
                WHEN lane = 'start' THEN greatest(0, least(1000, flights_left, jobs_left, starts_max - cardinality(recent)))
                ELSE greatest(0, least(1000, flights_left)) END,
           least(1000, flights_left, CASE WHEN breaker <> 'closed' THEN 1 END),
           breaker <> 'closed', breaker <> 'closed' OR failures + 1 >= breaker_failures,
           greatest(a_now, recent[cardinality(recent)]),
           nullif(greatest(shut_until, CASE lane WHEN 'start' THEN window_full_until END), '-infinity')
      FROM limited
$$;

CREATE FUNCTION public.leases_expire(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    acted integer;
BEGIN
    UPDATE outbox SET state = 'due', lease_until = NULL, due_at = a_now, fence = fence + 1, updated_at = a_now,
           last_error = 'lease expired'
     WHERE effect_id IN (SELECT effect_id FROM outbox WHERE state = 'leased' AND lease_until <= a_now
                          ORDER BY lease_until LIMIT (request->>'limit')::integer FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS acted = ROW_COUNT;
    RETURN jsonb_build_object('acted', acted);
END $$;

CREATE FUNCTION public.llm_observe(used jsonb) RETURNS void
    LANGUAGE sql
    AS $$
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'llm_tokens_total', format('model="%s",token_type="%s"', used->>'model', word),
           (used->>(word || '_tokens'))::double precision
      FROM unnest(ARRAY['input', 'output']) AS word WHERE (used->>(word || '_tokens'))::bigint > 0
$$;

CREATE FUNCTION public.metrics_fold(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    acted integer;
BEGIN
    IF NOT request ? 'bounds' THEN
        RETURN '{"acted": 0}';
    END IF;
    WITH families AS MATERIALIZED (
        SELECT key AS name, ARRAY(SELECT bound::double precision FROM jsonb_array_elements_text(value) AS bound) AS bounds
          FROM jsonb_each(request->'bounds')
    ), taken AS (
        -- An array is looked up by key; a subquery of unknown size could be joined by a scan.
        DELETE FROM metric_observations WHERE observation_id = ANY (ARRAY(
            SELECT observation_id FROM metric_observations ORDER BY observation_id
             LIMIT (request->>'limit')::integer FOR UPDATE SKIP LOCKED))
        RETURNING name, labels, value, run_id
    ), placed AS (
        SELECT taken.*, CASE WHEN families.name IS NOT NULL THEN coalesce(
                   (SELECT min(bound) FROM unnest(bounds) AS bound WHERE bound >= value), 'Infinity') END AS le
          FROM taken LEFT JOIN families USING (name)
    ), folded AS (
        INSERT INTO metric_totals AS held (name, labels, value)
        SELECT name, labels, sum(value) FROM placed WHERE le IS NULL GROUP BY name, labels ORDER BY name, labels
        ON CONFLICT (name, labels) DO UPDATE SET value = held.value + excluded.value
    ), spread AS (
        INSERT INTO metric_histograms AS held (name, labels, run_id, le, count, sum)
        SELECT name, labels, owner, le, count(*), sum(value)
          FROM (SELECT name, labels, '' AS owner, le, value FROM placed WHERE le IS NOT NULL
                UNION ALL
                SELECT name, labels, run_id, le, value FROM placed WHERE le IS NOT NULL AND run_id <> '') AS each
         GROUP BY name, labels, owner, le ORDER BY name, labels, owner, le
        ON CONFLICT (name, labels, run_id, le) DO UPDATE SET count = held.count + excluded.count,
               sum = held.sum + excluded.sum
    )
    SELECT count(*) INTO acted FROM taken;
    IF acted < (request->>'limit')::integer THEN
        DELETE FROM metric_histograms WHERE run_id <> '' AND run_id NOT IN (
            SELECT run_id FROM runs ORDER BY created_at DESC, run_id DESC LIMIT (request->>'runs')::integer);
    END IF;
    RETURN jsonb_build_object('acted', acted);
END $$;

CREATE FUNCTION public.metrics_gauges(a_now timestamp with time zone) RETURNS TABLE(name text, labels text, value double precision)
    LANGUAGE sql STABLE
    AS $$
    WITH open_runs AS MATERIALIZED (
        SELECT project, status, updated_at, deadline FROM runs WHERE finished_at IS NULL
    ), open_gates AS MATERIALIZED (
        SELECT gate, opened_at, deadline FROM gates WHERE state = 'open'
    ), letters AS MATERIALIZED (
        SELECT provider, count(*) AS many, min(created_at) AS oldest FROM webhook_dlq GROUP BY provider
    )
    SELECT 'runs_active', format('project="%s",status="%s"', project, status), count(*)::double precision
      FROM open_runs GROUP BY project, status
    UNION ALL
    SELECT 'runs_oldest_age_seconds', format('status="%s"', status), greatest(0, extract(epoch FROM a_now - min(updated_at)))
      FROM open_runs GROUP BY status
    UNION ALL
    SELECT 'runs_overdue', '', count(*) FROM open_runs WHERE deadline <= a_now
    UNION ALL
    SELECT 'gates_open', format('gate="%s"', word), count(opened_at)
      FROM unnest(ARRAY['workflow', 'ideate', 'prepublish']) AS word LEFT JOIN open_gates ON gate = word GROUP BY word
    UNION ALL
    SELECT 'gates_overdue', '', count(*) FROM open_gates WHERE deadline <= a_now
    UNION ALL
    SELECT 'gates_oldest_age_seconds', format('gate="%s"', gate), greatest(0, extract(epoch FROM a_now - min(opened_at)))
      FROM open_gates GROUP BY gate
    UNION ALL
    SELECT 'jobs_open', format('provider="%s",state="%s"', provider, state), count(*)
      FROM jobs WHERE state IN ('requested', 'submitted') GROUP BY provider, state
    UNION ALL
    SELECT 'webhook_dlq_depth', format('provider="%s"', provider), coalesce(many, 0)
      FROM unnest(ARRAY['kieai', 'shotstack', 'upload-post']) AS provider FULL JOIN letters USING (provider)
    UNION ALL
    SELECT 'webhook_dlq_oldest_age_seconds', format('provider="%s"', provider), greatest(0, extract(epoch FROM a_now - oldest))
      FROM letters
    UNION ALL
    SELECT 'webhook_dlq_exhausted', '', count(*) FROM webhook_dlq WHERE next_retry_at IS NULL
    UNION ALL
    SELECT 'drain_active', '', CASE WHEN active THEN 1 ELSE 0 END FROM drain
    UNION ALL
    SELECT 'outbox_depth', format('state="%s"', word), count(outbox.effect_id)
      FROM unnest(ARRAY['due', 'leased']) AS word
      LEFT JOIN outbox ON outbox.state = word AND outbox.state IN ('due', 'leased') GROUP BY word
    UNION ALL
    SELECT 'outbox_oldest_due_seconds', '', coalesce(greatest(0, extract(epoch FROM a_now - (
               SELECT due_at FROM outbox WHERE outbox.state = 'due' ORDER BY due_at, effect_id LIMIT 1))), 0)
    UNION ALL
    SELECT 'provider_breaker_state', format('provider="%s"', provider),
           CASE breaker WHEN 'closed' THEN 0 WHEN 'half_open' THEN 1 WHEN 'open' THEN 2 END
      FROM provider_states WHERE provider <> 'mock'
    UNION ALL
    SELECT 'sweep_last_success_timestamp_seconds', '', coalesce(extract(epoch FROM last_success_at), 0)
      FROM leases WHERE leases.name = 'sweep'
    UNION ALL
    SELECT 'sweep_lag_seconds', '', greatest(0, extract(epoch FROM a_now - last_success_at))
      FROM leases WHERE leases.name = 'sweep' AND last_success_at IS NOT NULL
$$;

CREATE FUNCTION public.metrics_read(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (WITH newest AS MATERIALIZED (
        SELECT run_id FROM runs ORDER BY created_at DESC, run_id DESC LIMIT (request->>'runs')::integer
    ), histograms AS (
        SELECT name, labels, run_id, sum(sum) AS sum,
               jsonb_agg(jsonb_build_array(nullif(le, 'Infinity'), count) ORDER BY le) AS buckets
          FROM metric_histograms WHERE run_id = '' OR run_id IN (SELECT run_id FROM newest) GROUP BY name, labels, run_id
    )
    SELECT jsonb_build_object(
        'totals', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'labels', labels, 'value', value)
                       ORDER BY name, labels), '[]') FROM metric_totals),
        'gauges', (SELECT jsonb_agg(jsonb_build_object('name', name, 'labels', labels, 'value', value)
                       ORDER BY name, labels) FROM metrics_gauges((request->>'now')::timestamptz)),
        'histograms', (SELECT coalesce(jsonb_agg(to_jsonb(histograms) ORDER BY name, labels, run_id), '[]') FROM histograms)));
END $$;

CREATE TABLE public.runs (
    run_id text NOT NULL,
    project text NOT NULL,
    status text NOT NULL,
    payload jsonb NOT NULL,
    result jsonb,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    user_id text NOT NULL,
    version bigint NOT NULL,
    state jsonb NOT NULL,
    awaiting_gate text,
    deadline timestamp with time zone,
    finished_at timestamp with time zone,
    parent_run_id text,
    successor_key text,
    CONSTRAINT runs_awaiting_gate_check CHECK ((awaiting_gate = ANY (ARRAY['workflow'::text, 'ideate'::text, 'prepublish'::text]))),
    CONSTRAINT runs_gate CHECK (((status = 'paused'::text) OR (NOT (awaiting_gate IS DISTINCT FROM
CASE status
    WHEN 'pending_workflow'::text THEN 'workflow'::text
    WHEN 'awaiting_ideate'::text THEN 'ideate'::text
    WHEN 'awaiting_prepublish'::text THEN 'prepublish'::text
    ELSE NULL::text
END)))),
    CONSTRAINT runs_run_id_check CHECK (((length(run_id) >= 1) AND (length(run_id) <= 128))),
    CONSTRAINT runs_status_check CHECK ((status = ANY (ARRAY['pending_workflow'::text, 'running'::text, 'awaiting_ideate'::text, 'awaiting_prepublish'::text, 'publishing'::text, 'paused'::text, 'published'::text, 'failed'::text, 'cancelled'::text, 'rejected'::text, 'expired'::text]))),
    CONSTRAINT runs_terminal CHECK ((((status = ANY (ARRAY['published'::text, 'failed'::text, 'cancelled'::text, 'rejected'::text, 'expired'::text])) = (finished_at IS NOT NULL)) AND ((finished_at IS NULL) = (deadline IS NOT NULL)))),
    CONSTRAINT runs_version_check CHECK ((version > 0))
)
WITH (fillfactor='70');

CREATE FUNCTION public.notice_approvers(a_run public.runs, notice jsonb) RETURNS TABLE(kind text, address text, name text)
    LANGUAGE plpgsql STABLE
    AS $_$
DECLARE
    policy jsonb := (SELECT step->'policy' FROM jsonb_array_elements(a_run.state->'pipeline') AS step
                      WHERE step->>'gate' = notice->>'gate' LIMIT 1);
    lists jsonb := jsonb_build_array(policy) || CASE WHEN notice->>'occasion' = 'gate_escalated'
                   THEN jsonb_build_array(policy->'escalate') ELSE '[]' END;
    names text[] := ARRAY(SELECT jsonb_path_query(lists, '$[*].approvers[*]') #>> '{}');
    teams text[] := ARRAY(SELECT jsonb_path_query(lists, '$[*].groups[*]') #>> '{}');
BEGIN
    IF names = '{}' AND teams = '{}' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT i.channel, i.identity, p.name FROM (
           SELECT named.name FROM principals AS named WHERE named.name = ANY (names) AND named.disabled_at IS NULL
            UNION
           SELECT grouped.name FROM principals AS grouped WHERE grouped.groups && teams AND grouped.disabled_at IS NULL
            LIMIT 500) AS p JOIN principal_identities AS i ON i.name = p.name;
END $_$;

CREATE FUNCTION public.notice_targets(a_run public.runs, notice jsonb) RETURNS TABLE(kind text, address text, approver text, is_principal boolean)
    LANGUAGE sql STABLE
    AS $_$
    SELECT DISTINCT ON (target.kind, target.address) target.kind, target.address, target.approver, target.place = 1 FROM (
        SELECT a.kind, a.address, a.name AS approver, 1 AS place FROM notice_approvers(a_run, notice) AS a
        UNION ALL
        SELECT 'telegram', substr(a_run.user_id, 10), a_run.user_id, 2 WHERE a_run.user_id ~ '^telegram_-?[0-9]{1,19}$'
        UNION ALL
        SELECT c.kind, c.address, c.kind || ':' || c.address, 3 FROM channels AS c
         WHERE c.project IS NULL OR c.project = a_run.project) AS target
     ORDER BY target.kind, target.address, target.place
$_$;

CREATE FUNCTION public.notices_replay(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    acted integer;
BEGIN
    UPDATE outbox SET state = 'due', attempt = 0, due_at = a_now, fence = fence + 1, updated_at = a_now
     WHERE effect_id = ANY (ARRAY(
        SELECT effect_id FROM outbox WHERE state = 'dead' AND kind = 'notify'
           AND (request->>'run_id' IS NULL OR run_id = request->>'run_id')
         ORDER BY effect_id DESC LIMIT (request->>'limit')::integer FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS acted = ROW_COUNT;
    RETURN jsonb_build_object('acted', acted, 'kick', acted > 0 AND kick_take(a_now));
END $$;

CREATE FUNCTION public.notify_fan_out(a_run_id text, notices jsonb, a_now timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF coalesce(jsonb_array_length(notices), 0) = 0 THEN
        RETURN false;
    END IF;
    INSERT INTO outbox (key, run_id, kind, provider, payload, state, due_at, created_at, updated_at)
    SELECT format('notify:%s:%s:%s:%s', a_run_id, notice->>'seq', target.kind, target.address), a_run_id, 'notify',
           target.kind, jsonb_build_object('address', target.address, 'approver', target.approver,
                                           'is_principal', target.is_principal, 'notice', notice), 'due', a_now, a_now, a_now
      FROM runs CROSS JOIN jsonb_array_elements(notices) WITH ORDINALITY AS listed (notice, place)
           CROSS JOIN LATERAL notice_targets(runs, notice) AS target
     WHERE runs.run_id = a_run_id ORDER BY place, target.kind, target.address
    ON CONFLICT (key) DO NOTHING;
    RETURN FOUND;
END $$;

CREATE FUNCTION public.persona_recall(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    found jsonb := kb_search(jsonb_build_object('query', request->>'query', 'project', request->>'project',
        'persona', request->>'persona', 'limit', request->'passages_max', 'counted', true))->'passages';
    passages jsonb := (
        SELECT coalesce(jsonb_agg(jsonb_build_object('doc_id', row->>'doc_id', 'path', row->>'path', 'title', row->>'title',
                   'text', left(row->>'content', (request->>'chars_max')::integer),
                   'percent', least(100, round((row->>'coverage')::numeric * 100))) ORDER BY place), '[]')
          FROM jsonb_array_elements(found) WITH ORDINALITY AS each (row, place)
         WHERE jsonb_array_length(row->'words') >= (request->>'words_min')::integer);
    ideas jsonb := (
        SELECT coalesce(jsonb_agg(jsonb_build_object('run_id', run_id,
                   'text', concat_ws(' ', clip->>'subject', clip->>'header')) ORDER BY newest.place, clips.place), '[]')
          FROM (SELECT run_id, state->'clips' AS clips, row_number() OVER (ORDER BY created_at DESC, run_id DESC) AS place
                  FROM runs WHERE project = request->>'project' AND run_id <> request->>'run_id'
                 ORDER BY created_at DESC, run_id DESC LIMIT (request->>'idea_runs')::integer) AS newest,
               jsonb_array_elements(newest.clips) WITH ORDINALITY AS clips (clip, place));
BEGIN
    RETURN jsonb_build_object('passages', passages, 'ideas', ideas, 'milliseconds',
        ceil(extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000)::integer);
END $$;

CREATE FUNCTION public.personas_observe(observed jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM llm_observe(row->'used') FROM jsonb_array_elements(observed) AS row WHERE row ? 'used';
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'persona_allowlist_failures_total', format('persona="%s",project="%s",mode="%s"',
               -- Only names that we know: definitions make no series.
               CASE WHEN used->>'persona' IN ('iggy', 'riley', 'alex', 'quinn', 'morgan') THEN used->>'persona' ELSE 'other' END,
               used->>'project', used->>'mode'), (used->>'refused_calls')::double precision
      FROM (SELECT row->'used' AS used FROM jsonb_array_elements(observed) AS row) AS all_used
     WHERE (used->>'refused_calls')::integer > 0;
END $$;

CREATE FUNCTION public.press_load(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    principal jsonb := principal_of_identity(request->>'kind', request->>'identity');
    asked record;
BEGIN
    SELECT outbox.payload, runs.state INTO asked FROM outbox JOIN runs USING (run_id)
     WHERE effect_id = (request->>'effect_id')::bigint AND kind = 'notify' AND provider = request->>'kind';
    RETURN jsonb_build_object('principal', principal, 'notice', asked.payload->'notice', 'run', asked.state);
END $$;

CREATE FUNCTION public.principal_add(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO principals (name, role, groups, created_at)
    VALUES (request->>'name', request->>'role', ARRAY(SELECT jsonb_array_elements_text(request->'groups')),
            (request->>'now')::timestamptz) ON CONFLICT (name) DO NOTHING;
    IF NOT FOUND THEN
        RETURN '{"result": "exists"}';
    END IF;
    PERFORM principal_identify(request->>'name', request->'identities');
    INSERT INTO principal_keys (key_hash, name, created_at)
    VALUES (decode(request->>'key_hash', 'hex'), request->>'name', (request->>'now')::timestamptz);
    RETURN '{"result": "done"}';
EXCEPTION WHEN unique_violation THEN
    -- The block is rolled back whole: no principal without its identity.
    RETURN '{"result": "identity_taken"}';
END $$;

CREATE FUNCTION public.principal_change(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE principals SET role = coalesce(request->>'role', role), groups = CASE jsonb_typeof(request->'groups')
               WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(request->'groups')) ELSE groups END
     WHERE name = request->>'name';
    IF NOT FOUND THEN
        RETURN '{"result": "unknown"}';
    END IF;
    IF jsonb_typeof(request->'identities') = 'object' THEN
        PERFORM principal_identify(request->>'name', request->'identities');
    END IF;
    RETURN '{"result": "done"}';
EXCEPTION WHEN unique_violation THEN
    RETURN '{"result": "identity_taken"}';
END $$;

CREATE FUNCTION public.principal_find(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('principal', coalesce(
        principal_of_key(request->>'key_hash', (request->>'now')::timestamptz),
        principal_of_identity(request->>'channel', request->>'identity')))
$$;

CREATE FUNCTION public.principal_identify(a_name text, identities jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM principal_identities WHERE name = a_name;
    INSERT INTO principal_identities (channel, identity, name)
    SELECT key, value, a_name FROM jsonb_each_text(identities) WHERE value IS NOT NULL;
END $$;

CREATE FUNCTION public.principal_key_add(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    at timestamptz := (request->>'now')::timestamptz;
BEGIN
    PERFORM FROM principals WHERE name = request->>'name' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '{"result": "unknown"}';
    END IF;
    IF (SELECT count(*) >= 10 FROM principal_keys WHERE name = request->>'name' AND revoked_at IS NULL
           AND (expires_at IS NULL OR expires_at > at)) THEN
        RETURN '{"result": "too_many"}';
    END IF;
    -- A null number of hours makes a null moment, and least() passes over it.
    UPDATE principal_keys
       SET expires_at = least(expires_at, at + make_interval(hours => (request->>'expire_old_after_hours')::integer))
     WHERE name = request->>'name' AND revoked_at IS NULL;
    INSERT INTO principal_keys (key_hash, name, created_at) VALUES (decode(request->>'key_hash', 'hex'), request->>'name', at);
    RETURN '{"result": "done"}';
END $$;

CREATE FUNCTION public.principal_key_revoke(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE principal_keys SET revoked_at = coalesce(revoked_at, (request->>'now')::timestamptz)
     WHERE key_id = request->>'key_id' AND name = request->>'name';
    RETURN jsonb_build_object('result', CASE WHEN FOUND THEN 'done' ELSE 'unknown' END);
END $$;

CREATE FUNCTION public.principal_list(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('more', count(*) > (request->>'limit')::integer, 'principals', coalesce(jsonb_agg(
        jsonb_build_object('name', name, 'role', role, 'groups', groups, 'createdAt', created_at,
            'disabledAt', disabled_at,
            'identities', (SELECT coalesce(jsonb_object_agg(channel, identity), '{}')
                             FROM principal_identities AS known WHERE known.name = page.name),
            'keys', (SELECT coalesce(jsonb_agg(jsonb_build_object('keyId', key_id, 'createdAt', created_at,
                            'expiresAt', expires_at, 'revokedAt', revoked_at) ORDER BY created_at DESC, key_id), '[]')
                       FROM (SELECT * FROM principal_keys WHERE principal_keys.name = page.name
                              ORDER BY created_at DESC LIMIT 20) AS newest))
        ORDER BY name) FILTER (WHERE place <= (request->>'limit')::integer), '[]'))
      FROM (SELECT *, row_number() OVER (ORDER BY name) AS place FROM principals
             WHERE name > coalesce(request->>'after', '') ORDER BY name LIMIT (request->>'limit')::integer + 1) AS page
$$;

CREATE FUNCTION public.principal_named(a_name text) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('name', name, 'role', role, 'groups', groups, 'disabled', disabled_at IS NOT NULL)
      FROM principals WHERE name = a_name
$$;

CREATE FUNCTION public.principal_of_identity(a_channel text, an_identity text) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('name', name, 'role', role, 'groups', groups)
      FROM principal_identities JOIN principals USING (name)
     WHERE channel = a_channel AND identity = an_identity AND disabled_at IS NULL
$$;

CREATE FUNCTION public.principal_of_key(a_key_hash text, a_now timestamp with time zone) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('name', name, 'role', role, 'groups', groups)
      FROM principal_keys JOIN principals USING (name)
     WHERE key_hash = decode(a_key_hash, 'hex') AND disabled_at IS NULL AND revoked_at IS NULL
       AND (expires_at IS NULL OR expires_at > a_now)
$$;

CREATE FUNCTION public.principal_switch(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE principals SET disabled_at = CASE WHEN (request->>'disabled')::boolean
               THEN coalesce(disabled_at, (request->>'now')::timestamptz) END
     WHERE name = request->>'name';
    RETURN jsonb_build_object('result', CASE WHEN FOUND THEN 'done' ELSE 'unknown' END);
END $$;

CREATE FUNCTION public.principal_words_fit(words text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $_$
    SELECT coalesce(bool_and(coalesce(word ~ '^[a-z0-9][a-z0-9._@-]{0,63}$', false)), true) FROM unnest(words) AS word
$_$;

CREATE FUNCTION public.project_apply(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.project_definition(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (SELECT coalesce((SELECT definition FROM project_versions
                      WHERE key = request->>'key' AND version = request->>'version'), 'null'));
END $$;

CREATE FUNCTION public.project_list(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('projects', coalesce(jsonb_agg(definition ORDER BY key), '[]'))
      FROM projects JOIN project_versions USING (key, version)
     WHERE request->>'key' IS NULL OR key = request->>'key');
END $$;

CREATE TABLE public.provider_states (
    provider text NOT NULL,
    starts_max integer,
    window_seconds integer DEFAULT 10 NOT NULL,
    open_jobs_max integer,
    in_flight_max integer,
    breaker_failures integer DEFAULT 5 NOT NULL,
    breaker_seconds integer DEFAULT 30 NOT NULL,
    starts timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL,
    start_held_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    look_held_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    breaker text DEFAULT 'closed'::text NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    openings integer DEFAULT 0 NOT NULL,
    retry_at timestamp with time zone,
    probe_effect_id bigint,
    CONSTRAINT provider_states_breaker_check CHECK ((breaker = ANY (ARRAY['closed'::text, 'open'::text, 'half_open'::text]))),
    CONSTRAINT provider_states_breaker_failures_check CHECK ((breaker_failures > 0)),
    CONSTRAINT provider_states_breaker_seconds_check CHECK ((breaker_seconds > 0)),
    CONSTRAINT provider_states_failures_check CHECK ((failures >= 0)),
    CONSTRAINT provider_states_in_flight_max_check CHECK ((in_flight_max >= 0)),
    CONSTRAINT provider_states_open CHECK (((breaker = 'closed'::text) = (retry_at IS NULL))),
    CONSTRAINT provider_states_open_jobs_max_check CHECK ((open_jobs_max >= 0)),
    CONSTRAINT provider_states_openings_check CHECK ((openings >= 0)),
    CONSTRAINT provider_states_probe CHECK (((breaker = 'half_open'::text) = (probe_effect_id IS NOT NULL))),
    CONSTRAINT provider_states_provider_check CHECK ((provider = ANY (ARRAY['kieai'::text, 'shotstack'::text, 'upload-post'::text, 'llm'::text, 'telegram'::text, 'slack'::text, 'otlp'::text, 'sentry'::text, 'mock'::text]))),
    CONSTRAINT provider_states_starts_max_check CHECK ((starts_max >= 0)),
    CONSTRAINT provider_states_window_seconds_check CHECK ((window_seconds > 0))
);

CREATE FUNCTION public.provider_after(state public.provider_states, seen jsonb, a_now timestamp with time zone) RETURNS public.provider_states
    LANGUAGE plpgsql
    AS $$
DECLARE
    failed boolean := seen->>'contact' = 'failed';
    held_until timestamptz := a_now + make_interval(secs => (seen->>'hold_seconds')::double precision);
BEGIN
    IF seen->>'lane' = 'start' THEN
        state.start_held_until := greatest(state.start_held_until, held_until);
    ELSE
        state.look_held_until := greatest(state.look_held_until, held_until);
    END IF;
    IF state.breaker = 'closed' AND seen->>'contact' <> 'none' THEN
        state.failures := CASE WHEN failed THEN state.failures + 1 ELSE 0 END;
    END IF;
    IF (state.breaker = 'closed' AND state.failures >= state.breaker_failures)
       OR (state.breaker = 'half_open' AND state.probe_effect_id = (seen->>'effect_id')::bigint AND failed) THEN
        state.breaker := 'open';
        state.retry_at := a_now + make_interval(secs => least(state.breaker_seconds * 2 ^ least(state.openings, 20), 600));
        state.openings := state.openings + 1;
        state.probe_effect_id := NULL;
    ELSIF state.breaker = 'half_open' AND state.probe_effect_id = (seen->>'effect_id')::bigint THEN
        state.probe_effect_id := NULL;
        IF seen->>'contact' = 'none' THEN
            -- The probe had nothing to ask: the next one may go at once.
            state.breaker := 'open';
            state.retry_at := a_now;
        ELSE
            state.breaker := 'closed';
            state.retry_at := NULL;
            state.failures := 0;
            state.openings := 0;
        END IF;
    END IF;
    RETURN state;
END $$;

CREATE FUNCTION public.providers_observe(observed jsonb, a_now timestamp with time zone) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    before provider_states;
    after provider_states;
    seen jsonb;
    changed jsonb := '[]';
BEGIN
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'effect_attempts_total', format('provider="%s",kind="%s",outcome="%s"', row->>'provider', row->>'kind',
                                           row->>'contact'), count(*)
      FROM jsonb_array_elements(observed) AS row WHERE row->>'contact' <> 'none'
     GROUP BY row->>'provider', row->>'kind', row->>'contact';
    -- In the order of their names, so that two commits cannot deadlock.
    FOR before IN SELECT * FROM provider_states AS states
        WHERE EXISTS (SELECT FROM jsonb_array_elements(observed) AS row WHERE row->>'provider' = states.provider
              AND (breaker <> 'closed' OR failures > 0 OR row->>'contact' = 'failed' OR row ? 'hold_seconds'))
        ORDER BY provider FOR NO KEY UPDATE LOOP
        after := before;
        FOR seen IN SELECT value FROM jsonb_array_elements(observed) WITH ORDINALITY
                     WHERE value->>'provider' = before.provider ORDER BY ordinality LOOP
            after := provider_after(after, seen, a_now);
        END LOOP;
        IF after IS DISTINCT FROM before THEN
            UPDATE provider_states SET start_held_until = after.start_held_until, look_held_until = after.look_held_until,
                   breaker = after.breaker, failures = after.failures, openings = after.openings,
                   retry_at = after.retry_at, probe_effect_id = after.probe_effect_id
             WHERE provider = before.provider;
        END IF;
        IF (after.breaker = 'open' AND after.openings > before.openings)
           OR (after.breaker = 'closed' AND before.breaker <> 'closed') THEN
            changed := changed || jsonb_build_object('provider', before.provider, 'breaker', after.breaker,
                'retry_seconds', extract(epoch FROM after.retry_at - a_now));
        END IF;
    END LOOP;
    RETURN changed;
END $$;

CREATE FUNCTION public.rate_take(a_limit jsonb, a_now timestamp with time zone) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.readiness(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('migration', (SELECT coalesce(max(version), 0) FROM schema_migrations),
                              'sweep_last_success_at', (SELECT last_success_at FROM leases WHERE name = 'sweep')));
END $$;

CREATE FUNCTION public.request_observe(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO metric_observations (name, labels, value, run_id)
    VALUES ('http_request_duration_seconds', request->'seen'->>'labels', (request->'seen'->>'seconds')::double precision,
            request->>'run_id');
    RETURN '{"seen": true}';
END $$;

CREATE FUNCTION public.request_seen(seen jsonb, a_run_id text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO metric_observations (name, labels, value, run_id)
    VALUES ('http_request_duration_seconds', seen->>'labels', seen_seconds(seen), a_run_id);
END $$;

CREATE FUNCTION public.retention_count(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    WITH oldest AS (
        SELECT (request->>'now')::timestamptz AS now,
               (request->>'now')::timestamptz - make_interval(days => (request->>'webhooks_days')::integer) AS webhook,
               (request->>'now')::timestamptz - make_interval(days => (request->>'artifacts_days')::integer) AS artifact)
    SELECT jsonb_build_object(
        'webhook_events', (SELECT count(*) FROM webhook_events
            WHERE outcome IN ('accepted', 'discarded', 'ignored') AND coalesce(settled_at, received_at) < webhook),
        'refusals', (SELECT count(*) FROM webhook_events WHERE outcome = 'refused' AND received_at < now - interval '1 day'),
        'artifacts', (SELECT count(*) FROM artifacts JOIN runs USING (run_id) WHERE finished_at < artifact))
      FROM oldest
$$;

CREATE FUNCTION public.retention_prune(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    oldest timestamptz := a_now - make_interval(days => coalesce((request->>'webhooks_days')::integer, 14));
    page integer := (request->>'limit')::integer;
    acted integer;
BEGIN
    DELETE FROM webhook_events WHERE id = ANY (ARRAY(
        (SELECT id FROM webhook_events WHERE outcome = 'refused' AND received_at < a_now - interval '1 day'
          ORDER BY received_at LIMIT page)
        UNION ALL
        (SELECT id FROM webhook_events WHERE outcome IN ('accepted', 'discarded', 'ignored')
            AND coalesce(settled_at, received_at) < oldest ORDER BY coalesce(settled_at, received_at) LIMIT page)));
    GET DIAGNOSTICS acted = ROW_COUNT;
    -- Telegram repeats an update for a day at most.
    DELETE FROM channel_updates WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM channel_updates WHERE received_at < a_now - interval '7 days' ORDER BY received_at LIMIT page));
    DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM idempotency_keys WHERE created_at < a_now - interval '7 days' ORDER BY created_at LIMIT page));
    RETURN jsonb_build_object('acted', acted);
END $$;

CREATE FUNCTION public.run_append(a_run_id text, events jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    previous bytea;
    hashes bytea[] := '{}';
BEGIN
    SELECT hash INTO previous FROM run_events WHERE run_id = a_run_id ORDER BY seq DESC LIMIT 1;
    previous := coalesce(previous, convert_to(a_run_id, 'UTF8'));
    FOR place IN 0 .. jsonb_array_length(events) - 1 LOOP
        previous := run_event_hash(previous, events->place->>'body');
        hashes := hashes || previous;
    END LOOP;
    INSERT INTO run_events (run_id, seq, type, at, actor, body, hash)
    SELECT a_run_id, (event->>'seq')::bigint, event->>'type', (event->>'at')::timestamptz, event->>'actor',
           event->>'body', hashes[place]
      FROM jsonb_array_elements(events) WITH ORDINALITY AS listed (event, place);
END $$;

CREATE FUNCTION public.run_approvals(a_run_id text, rows jsonb, votes jsonb, a_now timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    WITH recorded AS (
        INSERT INTO hitl_approvals (run_id, gate, opening, decision, approver_ip, approver, channel, metadata, created_at)
        SELECT a_run_id, said->>'gate', (said->>'opening')::integer, CASE said->>'verdict' WHEN 'approve' THEN 'approved'
                   WHEN 'reject' THEN 'rejected' WHEN 'request_changes' THEN 'changes_requested' END, said->>'ip',
               said->>'approver', said->>'channel',
               jsonb_strip_nulls(jsonb_build_object('comment', said->'comment', 'note', said->'note',
                                                    'user_agent', said->'user_agent', 'edits', said->'edits')), a_now
          FROM (SELECT row->'decision' AS said FROM jsonb_array_elements(rows) AS row WHERE row ? 'decision'
                UNION ALL SELECT vote FROM jsonb_array_elements(votes) AS vote) AS each
        ON CONFLICT (run_id, gate, opening, approver) DO UPDATE
           SET decision = excluded.decision, approver_ip = excluded.approver_ip, channel = excluded.channel,
               metadata = excluded.metadata, created_at = excluded.created_at
        RETURNING gate, decision, channel
    )
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'gate_decisions_total', format('gate="%s",decision="%s",channel="%s"', gate, decision, channel), 1 FROM recorded;
END $$;

CREATE FUNCTION public.run_artifacts(a_run_id text, rows jsonb, a_now timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO artifacts (run_id, type, url, provider, checksum, metadata, persona, created_at)
    SELECT a_run_id, row->>'type', row->>'url', row->>'provider', row->>'checksum',
           coalesce(nullif(row->'metadata', 'null'), '{}'), row->>'persona', a_now
      FROM jsonb_array_elements(rows) WITH ORDINALITY AS listed (row, position) ORDER BY position;
    IF rows @> '[{"type": "notification"}]' THEN
        INSERT INTO chat_messages (user_id, role, content, run_id, gate, created_at)
        SELECT row->'metadata'->>'user_id', 'notice', row->'metadata'->>'message', a_run_id, row->'metadata'->>'gate', a_now
          FROM jsonb_array_elements(rows) AS row WHERE row->>'type' = 'notification';
    END IF;
END $$;

CREATE FUNCTION public.run_commit(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    answers jsonb[] := array_fill(NULL::jsonb, ARRAY[jsonb_array_length(request->'decisions')]);
    answer jsonb;
    decision jsonb;
    place bigint;
    a_run_id text;
    broken_run_id text := '';
    due boolean := false;
    observed jsonb := '[]';
    breakers jsonb := '[]';
    seen boolean := request ? 'seen';
BEGIN
    -- Tells runs_guard that this is the real thing; ends with the statement's transaction.
    PERFORM set_config('mw.commit', 'on', true);
    FOR decision, place IN SELECT value, ordinality FROM jsonb_array_elements(request->'decisions') WITH ORDINALITY
                            ORDER BY (value->>'expected_version')::bigint IS NOT DISTINCT FROM 0,
                                     CASE WHEN (value->>'expected_version')::bigint = 0
                                          THEN value->'run'->'definition'->>'key' END,
                                     coalesce(value->'run'->'inheritance'->>'parent_run_id', value->'run'->>'run_id')
                                         NULLS LAST, ordinality LOOP
        a_run_id := decision->'run'->>'run_id';
        IF a_run_id = broken_run_id THEN
            answer := jsonb_build_object('result', 'conflict', 'run', (SELECT state FROM runs WHERE run_id = a_run_id));
        ELSE
            answer := run_commit_one(decision, a_now);
        END IF;
        IF answer->>'result' = 'committed' THEN
            due := due OR coalesce((answer->>'due')::boolean, false);
        ELSE
            broken_run_id := coalesce(a_run_id, broken_run_id);
            seen := false;
        END IF;
        -- What a provider answered is true whoever holds the effect by now; after a conflict it is told again.
        IF decision ? 'observed' AND answer->>'result' <> 'conflict' THEN
            observed := observed || (decision->'observed');
        END IF;
        answers[place] := answer;
    END LOOP;
    -- Last, since the providers' rows come after all others in the lock order.
    IF observed <> '[]' THEN
        breakers := providers_observe(observed, a_now);
        PERFORM contacts_observe(observed, breakers);
    END IF;
    IF seen THEN
        PERFORM request_seen(request->'seen', request->'decisions'->0->'run'->>'run_id');
    END IF;
    RETURN jsonb_build_object('results', to_jsonb(answers), 'kick', due AND kick_take(a_now), 'breakers', breakers,
                              'seen', seen);
END $$;

CREATE FUNCTION public.run_commit_one(decision jsonb, a_now timestamp with time zone) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_run_id text := decision->'run'->>'run_id';
    earlier record;
    ended boolean := false;
    due boolean := false;
    refused jsonb := drain_refusal(decision);
BEGIN
    IF refused IS NOT NULL THEN
        RETURN refused;
    END IF;
    IF decision ? 'idempotency' THEN
        INSERT INTO idempotency_keys (caller, key, fingerprint, run_id, created_at)
        VALUES (decision->'idempotency'->>'caller', decision->'idempotency'->>'key',
                decision->'idempotency'->>'fingerprint', a_run_id, a_now)
        ON CONFLICT (caller, key) DO NOTHING;
        IF NOT FOUND THEN
            SELECT run_id, fingerprint INTO earlier FROM idempotency_keys
             WHERE caller = decision->'idempotency'->>'caller' AND key = decision->'idempotency'->>'key';
            RETURN jsonb_build_object('result', CASE
                WHEN earlier.fingerprint = decision->'idempotency'->>'fingerprint' THEN 'replay' ELSE 'mismatch' END,
                'run_id', earlier.run_id);
        END IF;
    END IF;
    IF decision ? 'run' AND (decision->>'expected_version')::bigint > 0 THEN
        SELECT finished_at IS NOT NULL INTO ended FROM runs
         WHERE run_id = a_run_id AND version = (decision->>'expected_version')::bigint FOR UPDATE;
        IF NOT FOUND THEN
            RETURN jsonb_build_object('result', 'conflict', 'run', (SELECT state FROM runs WHERE run_id = a_run_id));
        END IF;
    END IF;
    IF decision ? 'settle' AND NOT effect_settle(decision->'settle', a_now) THEN
        RETURN jsonb_build_object('result', 'fenced', 'run', (SELECT state FROM runs WHERE run_id = a_run_id));
    END IF;
    IF decision ? 'run' THEN
        -- Before the parent's successor, which another batch may be opening: budgets come first in the lock order of starts.
        PERFORM FROM project_budgets WHERE (decision->>'expected_version')::bigint = 0
            AND project = decision->'run'->'definition'->>'key' FOR UPDATE;
        IF NOT run_write(decision, a_now) THEN
            RETURN jsonb_build_object('result', 'replay', 'run_id', (
                SELECT run_id FROM runs WHERE parent_run_id = decision->'run'->'inheritance'->>'parent_run_id'
                   AND successor_key = decision->'run'->'inheritance'->>'key'));
        END IF;
        IF (decision->>'expected_version')::bigint = 0 THEN
            refused := budget_take(decision->'run', a_now);
            IF refused IS NOT NULL THEN
                -- Nothing stays of a refused start, and whoever is refused may come again with the same key.
                DELETE FROM runs WHERE run_id = a_run_id;
                DELETE FROM idempotency_keys WHERE caller = decision->'idempotency'->>'caller'
                   AND key = decision->'idempotency'->>'key';
                RETURN refused;
            END IF;
            INSERT INTO metric_observations (name, labels, value)
            VALUES ('runs_started_total', format('project="%s"', decision->'run'->'definition'->>'key'), 1);
        END IF;
        PERFORM run_append(a_run_id, decision->'events');
        due := run_write_rows(a_run_id, decision->'rows', a_now);
        IF decision->'run'->>'status' = 'paused' THEN
            PERFORM run_hold(a_run_id, a_now);
        ELSIF decision->'events' @> '[{"type": "run.resumed"}]' THEN
            due := run_release(a_run_id, a_now) OR due;
        END IF;
        -- What is attached to a run that has ended does not end it once more.
        IF decision->'run'->>'finished_at' IS NOT NULL AND NOT ended THEN
            PERFORM run_fence(a_run_id, a_now);
            PERFORM run_observe_end(decision->'run', a_now);
            due := export_end(decision->'run', a_now) OR due;
        END IF;
    END IF;
    IF decision ? 'chat' THEN
        PERFORM chat_append(decision->'chat', a_now);
    END IF;
    RETURN jsonb_build_object('result', 'committed', 'due', due);
END $$;

CREATE FUNCTION public.run_conditions(request jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $_$
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
END $_$;

CREATE FUNCTION public.run_effects(a_run_id text, rows jsonb, a_now timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    due boolean;
BEGIN
    WITH added AS (
        INSERT INTO outbox (key, run_id, kind, provider, job_id, payload, state, due_at, created_at, updated_at)
        -- A callback that came before its job was known as submitted has already said that there is something to see.
        SELECT row->>'key', a_run_id, row->>'kind', row->>'provider', row->>'job_id', row->'payload', 'due',
               CASE WHEN row->>'kind' = 'poll' AND (SELECT hint IS NOT NULL FROM jobs WHERE job_id = row->>'job_id')
                    THEN a_now ELSE (row->>'due_at')::timestamptz END,
               a_now, a_now
          FROM jsonb_array_elements(rows) AS row
        ON CONFLICT (key) DO NOTHING
        RETURNING due_at
    )
    SELECT coalesce(bool_or(due_at <= a_now), false) INTO due FROM added;
    RETURN due;
END $$;

CREATE FUNCTION public.run_event_hash(previous bytea, body text) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT sha256(previous || convert_to(body, 'UTF8')) $$;

CREATE FUNCTION public.run_events_guard() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT FROM runs WHERE run_id = OLD.run_id) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the timeline of run % is append-only', OLD.run_id;
END $$;

CREATE FUNCTION public.run_facts(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
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

CREATE FUNCTION public.run_fence(a_run_id text, a_now timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE outbox SET state = 'cancelled', lease_until = NULL, fence = fence + 1, updated_at = a_now
     WHERE run_id = a_run_id AND state IN ('due', 'leased', 'held') AND kind IN ('persona', 'submit', 'poll');
    UPDATE jobs SET state = 'fenced', updated_at = a_now
     WHERE run_id = a_run_id AND state IN ('requested', 'submitted');
    UPDATE gates SET state = 'closed', decided_at = a_now, warn_at = NULL WHERE run_id = a_run_id AND state = 'open';
END $$;

CREATE FUNCTION public.run_force_end(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    ended boolean;
BEGIN
    SELECT finished_at IS NOT NULL INTO ended FROM runs WHERE run_id = request->>'run_id' FOR UPDATE;
    IF ended IS NOT FALSE THEN
        RETURN jsonb_build_object('result', CASE WHEN ended THEN 'terminal' ELSE 'missing' END);
    END IF;
    PERFORM set_config('mw.actor', request->>'actor', true), set_config('mw.message', request->>'message', true);
    UPDATE runs SET status = 'failed' WHERE run_id = request->>'run_id';
    RETURN jsonb_build_object('result', 'ended');
END $$;

CREATE FUNCTION public.run_gates_close(a_run_id text, rows jsonb, a_now timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    WITH closed AS (
        UPDATE gates SET state = row->>'state', decided_at = a_now, decision = row->'decision', warn_at = NULL
          FROM jsonb_array_elements(rows) AS row
         WHERE gates.run_id = a_run_id AND gates.gate = row->>'gate' AND gates.opening = (row->>'opening')::integer
           AND gates.state = 'open' AND row->>'state' <> 'open'
        RETURNING gates.gate, gates.state, opened_at
    )
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'gate_wait_seconds', format('gate="%s",outcome="%s"', gate, state),
           greatest(0, extract(epoch FROM a_now - opened_at)) FROM closed;
END $$;

CREATE FUNCTION public.run_gates_open(a_run_id text, rows jsonb, a_now timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO gates (run_id, gate, opening, state, opened_at, deadline, warn_at, approvals)
    SELECT DISTINCT ON (row->>'gate', row->>'opening')
           a_run_id, row->>'gate', (row->>'opening')::integer, 'open', a_now, (row->>'deadline')::timestamptz,
           (row->>'warn_at')::timestamptz, coalesce((row->>'approvals')::integer, 1)
      FROM jsonb_array_elements(rows) WITH ORDINALITY AS listed (row, position) WHERE row->>'state' = 'open'
     ORDER BY row->>'gate', row->>'opening', position DESC
    ON CONFLICT (run_id, gate, opening) DO UPDATE SET deadline = excluded.deadline, warn_at = excluded.warn_at;
END $$;

CREATE FUNCTION public.run_hold(a_run_id text, a_now timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE outbox SET state = 'held', updated_at = a_now
     WHERE run_id = a_run_id AND state = 'due' AND kind IN ('submit', 'persona');
END $$;

CREATE FUNCTION public.run_jobs(a_run_id text, rows jsonb, a_now timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $_$
BEGIN
    INSERT INTO jobs (job_id, run_id, kind, provider, state, task_id, account, created_at, updated_at)
    SELECT DISTINCT ON (row->>'job_id')
           row->>'job_id', a_run_id, row->>'kind', row->>'provider', row->>'state',
           row->>'task_id', row->>'account', a_now, a_now
      FROM jsonb_array_elements(rows) WITH ORDINALITY AS listed (row, position)
     ORDER BY row->>'job_id', position DESC
    ON CONFLICT (job_id) DO UPDATE
       SET state = excluded.state, task_id = coalesce(excluded.task_id, jobs.task_id), updated_at = a_now;
    IF rows @? '$[*].state ? (@ == "succeeded" || @ == "failed")' THEN
        PERFORM jobs_observe(a_run_id, rows, a_now);
    END IF;
END $_$;

CREATE FUNCTION public.run_list(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $_$
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
END $_$;

CREATE FUNCTION public.run_load(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN (WITH caller AS MATERIALIZED (SELECT caller_admit(request) AS caller)
    SELECT caller || jsonb_build_object('run', CASE WHEN (caller->>'admitted')::boolean
               THEN (SELECT state FROM runs WHERE run_id = request->>'run_id') END,
           'approver', principal_named(request->>'approver'))
      FROM caller);
END $$;

CREATE FUNCTION public.run_observe_end(run jsonb, a_now timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    WITH steps AS (
        SELECT data->'data'->>'name' AS step, at, lead(at, 1, a_now) OVER (ORDER BY seq) AS next_at
          FROM run_events WHERE run_id = run->>'run_id' AND type = 'step.started'
    ), waits AS (
        SELECT coalesce(sum(coalesce(decided_at, a_now) - opened_at), interval '0') AS waited
          FROM gates WHERE run_id = run->>'run_id'
    )
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'runs_finished_total', format('project="%s",status="%s"', run->'definition'->>'key', run->>'status'), 1
    UNION ALL
    SELECT 'step_seconds', format('project="%s",step="%s"', run->'definition'->>'key', step),
           greatest(0, extract(epoch FROM next_at - at)) FROM steps
    UNION ALL
    SELECT CASE run->>'mode' WHEN 'mock' THEN 'mock_publish_seconds' ELSE 'publish_seconds' END,
           format('project="%s"', run->'definition'->>'key'),
           greatest(0, extract(epoch FROM a_now - runs.created_at - waited))
      FROM waits, runs WHERE runs.run_id = run->>'run_id' AND run->>'status' = 'published';
END $$;

CREATE FUNCTION public.run_rearm(rearmed jsonb, a_now timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE outbox SET state = 'due', attempt = 0, due_at = a_now, fence = fence + 1, last_error = NULL,
           sent_at = CASE WHEN (row->>'unanswered')::boolean THEN sent_at END, updated_at = a_now
      FROM jsonb_array_elements(rearmed) AS row
     WHERE outbox.job_id = row->>'job_id' AND kind = 'submit' AND state IN ('dead', 'done');
END $$;

CREATE FUNCTION public.run_release(a_run_id text, a_now timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE outbox SET state = 'due', due_at = greatest(due_at, a_now), updated_at = a_now
     WHERE run_id = a_run_id AND state = 'held';
    RETURN FOUND;
END $$;

CREATE FUNCTION public.run_states(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $_$
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
END $_$;

CREATE FUNCTION public.run_timeline(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
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

CREATE FUNCTION public.run_view(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
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

CREATE FUNCTION public.run_write(decision jsonb, a_now timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    run jsonb := decision->'run';
    awaiting text := CASE WHEN run->>'status' <> 'paused' THEN run->'gate'->>'gate' END;
BEGIN
    IF (decision->>'expected_version')::bigint = 0 THEN
        INSERT INTO runs (run_id, project, status, payload, result, created_at, updated_at, user_id, version, state,
                          awaiting_gate, deadline, finished_at, parent_run_id, successor_key)
        VALUES (run->>'run_id', run->'definition'->>'key', run->>'status', decision->'payload', decision->'result',
                a_now, a_now, run->>'user_id', (run->>'version')::bigint, run, awaiting,
                (run->>'deadline')::timestamptz, (run->>'finished_at')::timestamptz,
                run->'inheritance'->>'parent_run_id', run->'inheritance'->>'key')
        ON CONFLICT (parent_run_id, successor_key) WHERE parent_run_id IS NOT NULL DO NOTHING;
        RETURN FOUND;
    ELSE
        UPDATE runs SET status = run->>'status', result = decision->'result', updated_at = a_now,
               version = (run->>'version')::bigint, state = run, awaiting_gate = awaiting,
               deadline = (run->>'deadline')::timestamptz, finished_at = (run->>'finished_at')::timestamptz
         WHERE run_id = run->>'run_id';
        RETURN true;
    END IF;
END $$;

CREATE FUNCTION public.run_write_rows(a_run_id text, rows jsonb, a_now timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $_$
DECLARE
    due boolean := false;
BEGIN
    IF rows->'rearmed' <> '[]' THEN
        PERFORM run_rearm(rows->'rearmed', a_now);
        due := true;
    END IF;
    IF rows->'jobs' <> '[]' THEN
        PERFORM run_jobs(a_run_id, rows->'jobs', a_now);
    END IF;
    -- What closes comes before what opens, since a run has one open gate at a time.
    IF rows->'gates' @? '$[*].state ? (@ != "open")' THEN
        PERFORM run_gates_close(a_run_id, rows->'gates', a_now);
    END IF;
    IF rows->'gates' @> '[{"state": "open"}]' THEN
        PERFORM run_gates_open(a_run_id, rows->'gates', a_now);
    END IF;
    IF rows->'gates' @? '$[*].decision' OR rows->'votes' <> '[]' THEN
        PERFORM run_approvals(a_run_id, rows->'gates', rows->'votes', a_now);
    END IF;
    IF rows->'artifacts' <> '[]' THEN
        PERFORM run_artifacts(a_run_id, rows->'artifacts', a_now);
    END IF;
    IF rows->'effects' <> '[]' THEN
        due := run_effects(a_run_id, rows->'effects', a_now) OR due;
    END IF;
    RETURN notify_fan_out(a_run_id, rows->'notifications', a_now) OR due;
END $_$;

CREATE FUNCTION public.runs_guard() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    at timestamptz := clock_timestamp();
    at_text text := to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    actor text := coalesce(nullif(current_setting('mw.actor', true), ''), 'sql:' || session_user);
    message text := coalesce(nullif(current_setting('mw.message', true), ''), 'marked failed by ' || session_user);
    error_type text := CASE WHEN actor LIKE 'sql:%' THEN 'marked_failed' ELSE 'terminated' END;
BEGIN
    IF coalesce(current_setting('mw.commit', true), '') = 'on' OR NEW.status = OLD.status THEN
        RETURN NEW;
    END IF;
    IF OLD.finished_at IS NOT NULL THEN
        RAISE EXCEPTION 'run % is already %', OLD.run_id, OLD.status USING HINT = 'terminal states are final';
    END IF;
    IF NEW.status <> 'failed' THEN
        RAISE EXCEPTION 'the status of run % is not set by hand', OLD.run_id
            USING HINT = 'use: mw gates approve|reject, mw runs cancel; only status = ''failed'' works in SQL';
    END IF;
    NEW.version := OLD.version + 1;
    NEW.state := (OLD.state - 'gate' - 'pause') || jsonb_build_object('status', 'failed', 'version', NEW.version,
        'deadline', NULL, 'finished_at', at_text,
        'error', jsonb_build_object('error_type', error_type, 'error_message', message));
    NEW.result := coalesce(OLD.result, '{}') || jsonb_build_object('error', jsonb_build_object(
        'error_type', error_type, 'error_message', message, 'project', OLD.project));
    NEW.awaiting_gate := NULL;
    NEW.deadline := NULL;
    NEW.finished_at := at;
    NEW.updated_at := at;
    PERFORM run_append(OLD.run_id, jsonb_build_array(jsonb_build_object('seq', NEW.version, 'type', 'run.failed',
        'at', at_text, 'actor', actor, 'body', json_build_object('seq', NEW.version, 'at', at_text, 'actor', actor,
        'type', 'run.failed', 'data', json_build_object('error_type', error_type, 'error_message', message))::text)));
    INSERT INTO artifacts (run_id, type, provider, metadata, created_at)
    VALUES (OLD.run_id, 'run.failed', 'orchestrator', jsonb_build_object('error_type', error_type,
            'error_message', message, 'project', OLD.project), at);
    PERFORM run_fence(OLD.run_id, at);
    PERFORM run_observe_end(NEW.state, at);
    PERFORM export_end(NEW.state, at);
    RETURN NEW;
END $$;

CREATE FUNCTION public.runs_overdue(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('runs', coalesce(jsonb_agg(jsonb_build_object('run_id', run_id, 'at', deadline, 'run', state)
                                                         ORDER BY deadline, run_id), '[]'))
      FROM (SELECT state, deadline, run_id FROM runs
             WHERE finished_at IS NULL AND deadline <= (request->>'now')::timestamptz
               AND (deadline, run_id) > (coalesce((request->'after'->>'at')::timestamptz, '-infinity'),
                                         coalesce(request->'after'->>'run_id', ''))
             ORDER BY deadline, run_id LIMIT (request->>'limit')::integer) AS page
$$;

CREATE FUNCTION public.runs_purge(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.runs_to_warn(request jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('runs', coalesce(jsonb_agg(jsonb_build_object('run_id', run_id, 'at', warn_at,
               'run', (SELECT runs.state FROM runs WHERE runs.run_id = page.run_id)) ORDER BY warn_at, run_id), '[]'))
      FROM (SELECT run_id, warn_at FROM gates
             WHERE state = 'open' AND warn_at IS NOT NULL AND warn_at <= (request->>'now')::timestamptz
               AND (warn_at, run_id) > (coalesce((request->'after'->>'at')::timestamptz, '-infinity'),
                                        coalesce(request->'after'->>'run_id', ''))
             ORDER BY warn_at, run_id LIMIT (request->>'limit')::integer) AS page
$$;

CREATE FUNCTION public.seen_seconds(seen jsonb) RETURNS double precision
    LANGUAGE sql
    AS $$
    SELECT (seen->>'seconds')::double precision + extract(epoch FROM clock_timestamp() - statement_timestamp())
$$;

CREATE FUNCTION public.social_seed(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.start_load(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN (SELECT caller_admit(request) || jsonb_build_object(
        'project', (SELECT jsonb_build_object('key', key, 'version', version, 'digest', digest)
                      FROM projects JOIN project_versions USING (key, version) WHERE key = request->>'project'),
        'known', (SELECT coalesce(jsonb_agg(key ORDER BY key), '[]') FROM projects
                    JOIN project_versions USING (key, version) WHERE jsonb_array_length(definition->'steps') > 0)));
END $$;

CREATE FUNCTION public.starts_recent(starts timestamp with time zone[], span interval, a_now timestamp with time zone) RETURNS timestamp with time zone[]
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT ARRAY(SELECT start FROM unnest(starts) AS start
                  WHERE start > a_now - span AND start < a_now + span ORDER BY start)
$$;

CREATE FUNCTION public.sweep_begin(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $_$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    effects boolean := EXISTS (SELECT FROM outbox WHERE state = 'due' AND due_at <= a_now);
    due jsonb := jsonb_build_object(
        'expired_leases', EXISTS (SELECT FROM outbox WHERE state = 'leased' AND lease_until <= a_now),
        'deadlines', EXISTS (SELECT FROM runs WHERE finished_at IS NULL AND deadline <= a_now),
        'gate_warnings', EXISTS (SELECT FROM gates WHERE state = 'open' AND warn_at IS NOT NULL AND warn_at <= a_now),
        'lost_effects', EXISTS (SELECT FROM leases WHERE name = 'lost_effects' AND held_until <= a_now)
                    AND (EXISTS (SELECT FROM jobs WHERE state IN ('requested', 'submitted'))
                         OR EXISTS (SELECT FROM outbox WHERE state = 'held')),
        'dead_letters', EXISTS (SELECT FROM webhook_dlq WHERE next_retry_at <= a_now),
        'metrics', EXISTS (SELECT FROM metric_observations),
        -- The oldest is one look into an index; whether any is older could be taken for a scan.
        'retention', coalesce((SELECT min(coalesce(settled_at, received_at)) FROM webhook_events
                                WHERE outcome IN ('accepted', 'discarded', 'ignored')) < a_now - interval '14 days', false)
                  OR coalesce((SELECT min(received_at) FROM webhook_events WHERE outcome = 'refused')
                              < a_now - interval '1 day', false)
                  OR coalesce((SELECT min(received_at) FROM channel_updates) < a_now - interval '7 days', false));
    idle boolean := NOT due @? '$.* ? (@ == true)';
    granted_fence bigint;
BEGIN
    PERFORM exports_want(request->'exports', a_now);
    UPDATE leases SET holder = request->>'holder', fence = fence + 1,
           held_until = CASE WHEN idle THEN held_until
                             ELSE a_now + make_interval(secs => (request->>'lease_seconds')::integer) END,
           last_success_at = CASE WHEN idle THEN a_now ELSE last_success_at END
     WHERE name = (SELECT name FROM leases WHERE name = 'sweep' AND held_until <= a_now FOR UPDATE SKIP LOCKED)
    RETURNING fence INTO granted_fence;
    RETURN jsonb_build_object('granted', granted_fence IS NOT NULL, 'idle', idle, 'fence', granted_fence,
                              'due', due || jsonb_build_object('effects', effects));
END $_$;

CREATE FUNCTION public.sweep_finish(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE leases SET held_until = 'epoch', last_success_at = (request->>'now')::timestamptz,
           last_report = request->'report'
     WHERE name = 'sweep' AND fence = (request->>'fence')::bigint;
    IF NOT FOUND THEN
        RETURN '{"recorded": false}';
    END IF;
    INSERT INTO metric_totals AS held (name, labels, value)
    SELECT 'sweep_actions_total', format('reconciler="%s"', key), value::double precision
      FROM jsonb_each(request->'report') WHERE jsonb_typeof(value) = 'number' AND value <> '0' ORDER BY key
    ON CONFLICT (name, labels) DO UPDATE SET value = held.value + excluded.value;
    INSERT INTO metric_histograms AS held (name, labels, le, count, sum)
    SELECT 'sweep_seconds', '', coalesce((request->>'le')::double precision, 'Infinity'), 1,
           (request->>'seconds')::double precision WHERE request ? 'seconds'
    ON CONFLICT (name, labels, run_id, le) DO UPDATE SET count = held.count + 1, sum = held.sum + excluded.sum;
    RETURN '{"recorded": true}';
END $$;

CREATE FUNCTION public.update_begin(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    a_kind text := request->>'kind';
    principal jsonb := principal_of_identity(request->>'kind', request->>'identity');
    allowed boolean := principal IS NOT NULL
        OR EXISTS (SELECT FROM channels WHERE kind = a_kind AND address = request->>'chat');
    refuse boolean := false;
BEGIN
    INSERT INTO channel_updates AS held (kind, update_id, state, received_at)
    VALUES (a_kind, request->>'update_id', 'at_work', a_now)
    ON CONFLICT (kind, update_id) DO UPDATE SET received_at = a_now
        WHERE held.state = 'at_work' AND held.received_at <= a_now - interval '30 seconds';
    IF NOT FOUND THEN
        RETURN jsonb_build_object('result', (SELECT CASE state WHEN 'done' THEN 'duplicate' ELSE 'at_work' END
            FROM channel_updates WHERE kind = a_kind AND update_id = request->>'update_id'));
    END IF;
    IF NOT allowed AND request->>'chat' IS NOT NULL THEN
        INSERT INTO channel_updates (kind, update_id, state, received_at)
        VALUES (a_kind, 'refused:' || (request->>'chat'), 'done', a_now) ON CONFLICT DO NOTHING;
        refuse := FOUND;
    END IF;
    RETURN jsonb_build_object('result', 'mine', 'allowed', allowed, 'refuse', refuse, 'principal', principal);
END $$;

CREATE FUNCTION public.update_end(request jsonb) RETURNS jsonb
    LANGUAGE sql
    AS $$
    UPDATE channel_updates SET state = 'done' WHERE kind = request->>'kind' AND update_id = request->>'update_id';
    SELECT '{"done": true}'::jsonb;
$$;

CREATE FUNCTION public.webhook_accept(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    a_provider text := request->>'provider';
    ignored boolean := (request->>'ignore')::boolean;
    job jobs;
    receipt uuid;
    letter uuid;
    answer text := 'accepted';
    awake boolean := false;
BEGIN
    IF NOT ignored THEN
        job := job_match(a_provider, request->'match');
    END IF;
    IF NOT ignored AND job.job_id IS NULL AND request->>'signature_status' = 'unsigned' THEN
        IF NOT (rate_take(jsonb_build_object('name', 'webhook_unknown', 'caller', a_provider, 'limit', 120,
                                             'window_seconds', 60), a_now)->>'allowed')::boolean THEN
            INSERT INTO metric_observations (name, labels, value)
            VALUES ('webhook_deliveries_total', format('provider="%s",outcome="busy"', a_provider), 1);
            RETURN '{"status": "busy", "kick": false}';
        END IF;
        body := substring(body FROM 1 FOR 16384);
    END IF;
    INSERT INTO webhook_events (idempotency_key, provider, headers, query, payload, signature_status, outcome,
                                received_at, run_id, job_id)
    VALUES (request->>'key', a_provider, request->'headers', request->>'query', body, request->>'signature_status',
            CASE WHEN ignored THEN 'ignored' WHEN job.job_id IS NULL THEN 'dlq' ELSE 'accepted' END,
            a_now, job.run_id, job.job_id)
    ON CONFLICT (provider, idempotency_key) WHERE outcome <> 'refused' DO NOTHING
    RETURNING id INTO receipt;
    IF receipt IS NULL THEN
        answer := 'duplicate';
    ELSIF NOT ignored AND job.job_id IS NULL THEN
        answer := 'dlq';
        INSERT INTO webhook_dlq (id, idempotency_key, provider, headers, payload, match, error, next_retry_at,
                                 last_error_at, created_at, updated_at)
        VALUES (receipt, request->>'key', a_provider, request->'headers', body,
                jsonb_build_object('match', request->'match', 'hint', request->'hint'),
                job_match_failure(a_provider, request->'match'), a_now + interval '5 seconds', a_now, a_now, a_now);
    END IF;
    IF job.job_id IS NOT NULL THEN
        awake := job_poke(job.job_id, request->'hint', a_now);
    END IF;
    IF receipt IS NULL AND job.job_id IS NOT NULL THEN
        SELECT id INTO letter FROM webhook_events
         WHERE provider = a_provider AND idempotency_key = request->>'key' AND outcome = 'dlq';
        PERFORM dead_letter_close(letter, 'accepted', job, 'redelivery', 'the provider sent it again', a_now);
    END IF;
    INSERT INTO metric_observations (name, labels, value, run_id)
    SELECT 'webhook_verify_total', format('provider="%s",status="%s"', a_provider, request->>'signature_status'), 1, NULL
    UNION ALL
    SELECT 'webhook_deliveries_total', format('provider="%s",outcome="%s"', a_provider,
           CASE WHEN ignored AND answer = 'accepted' THEN 'ignored' ELSE answer END), 1, NULL
    UNION ALL
    SELECT 'http_request_duration_seconds', request->'seen'->>'labels', seen_seconds(request->'seen'), job.run_id
     WHERE request ? 'seen';
    RETURN jsonb_build_object('status', answer, 'run_id', job.run_id, 'kick', awake AND kick_take(a_now),
                              'seen', request ? 'seen');
END $$;

CREATE FUNCTION public.webhook_refuse(request jsonb, body bytea) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    kept boolean;
BEGIN
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'webhook_verify_total', format('provider="%s",status="%s"', request->>'provider',
                                          request->>'signature_status'), 1
    UNION ALL
    SELECT 'webhook_deliveries_total', format('provider="%s",outcome="refused"', request->>'provider'), 1
    UNION ALL
    SELECT 'http_request_duration_seconds', request->'seen'->>'labels', seen_seconds(request->'seen')
     WHERE request ? 'seen';
    kept := (rate_take(jsonb_build_object('name', 'webhook_refusals', 'caller', request->>'provider', 'limit', 600,
                                          'window_seconds', 60), a_now)->>'allowed')::boolean;
    IF kept THEN
        INSERT INTO webhook_events AS held (idempotency_key, provider, headers, payload, signature_status, outcome,
                                            received_at)
        VALUES (request->>'body_hash', request->>'provider', request->'headers', body, request->>'signature_status',
                'refused', a_now)
        ON CONFLICT (provider, idempotency_key) WHERE outcome = 'refused'
        DO UPDATE SET count = held.count + 1, received_at = a_now, signature_status = excluded.signature_status;
    END IF;
    RETURN jsonb_build_object('stored', kept, 'seen', request ? 'seen');
END $$;

CREATE TABLE public.artifacts (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    run_id text NOT NULL,
    type text NOT NULL,
    url text,
    provider text NOT NULL,
    checksum text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    persona text,
    retrieval_trace jsonb,
    prompt_signature text,
    tool_invocations jsonb,
    created_at timestamp with time zone NOT NULL,
    "position" bigint NOT NULL
);

ALTER TABLE public.artifacts ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.artifacts_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.channel_updates (
    kind text NOT NULL,
    update_id text NOT NULL,
    state text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    CONSTRAINT channel_updates_kind_check CHECK ((kind = 'telegram'::text)),
    CONSTRAINT channel_updates_state_check CHECK ((state = ANY (ARRAY['at_work'::text, 'done'::text]))),
    CONSTRAINT channel_updates_update_id_check CHECK ((length(update_id) <= 100))
);

CREATE TABLE public.chat_messages (
    message_id bigint NOT NULL,
    user_id text NOT NULL,
    role text NOT NULL,
    content text NOT NULL,
    run_id text,
    gate text,
    told_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT chat_messages_role_check CHECK ((role = ANY (ARRAY['user'::text, 'brendan'::text, 'notice'::text])))
);

ALTER TABLE public.chat_messages ALTER COLUMN message_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.chat_messages_message_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.chat_summaries (
    user_id text NOT NULL,
    summary text NOT NULL,
    until_id bigint NOT NULL,
    updated_at timestamp with time zone NOT NULL
);

CREATE TABLE public.chat_usage (
    user_id text NOT NULL,
    day date NOT NULL,
    turns integer NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cost numeric(18,8) NOT NULL,
    CONSTRAINT chat_usage_cost_check CHECK ((cost >= (0)::numeric)),
    CONSTRAINT chat_usage_input_tokens_check CHECK ((input_tokens >= 0)),
    CONSTRAINT chat_usage_output_tokens_check CHECK ((output_tokens >= 0)),
    CONSTRAINT chat_usage_turns_check CHECK ((turns >= 0))
);

CREATE TABLE public.drain (
    only_row boolean DEFAULT true NOT NULL,
    active boolean NOT NULL,
    actor text NOT NULL,
    reason text,
    since timestamp with time zone NOT NULL,
    CONSTRAINT drain_only_row_check CHECK (only_row)
);

CREATE TABLE public.exports (
    kind text NOT NULL,
    wanted_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT exports_kind_check CHECK ((kind = ANY (ARRAY['trace'::text, 'report'::text])))
);

CREATE TABLE public.gates (
    run_id text NOT NULL,
    gate text NOT NULL,
    opening integer NOT NULL,
    state text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    deadline timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    decision jsonb,
    warn_at timestamp with time zone,
    approvals integer DEFAULT 1 NOT NULL,
    CONSTRAINT gates_approvals_check CHECK (((approvals >= 1) AND (approvals <= 10))),
    CONSTRAINT gates_decided CHECK ((((state = 'open'::text) = (decided_at IS NULL)) AND ((state = ANY (ARRAY['approved'::text, 'rejected'::text, 'changes_requested'::text])) = (decision IS NOT NULL)))),
    CONSTRAINT gates_gate_check CHECK ((gate = ANY (ARRAY['workflow'::text, 'ideate'::text, 'prepublish'::text]))),
    CONSTRAINT gates_opening_check CHECK ((opening > 0)),
    CONSTRAINT gates_state_check CHECK ((state = ANY (ARRAY['open'::text, 'approved'::text, 'rejected'::text, 'changes_requested'::text, 'expired'::text, 'closed'::text])))
);

CREATE TABLE public.hitl_approvals (
    id bigint NOT NULL,
    run_id text NOT NULL,
    gate text NOT NULL,
    opening integer NOT NULL,
    decision text NOT NULL,
    approver_ip text,
    approver text NOT NULL,
    channel text NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT hitl_approvals_decision_check CHECK ((decision = ANY (ARRAY['approved'::text, 'rejected'::text, 'changes_requested'::text])))
);

CREATE SEQUENCE public.hitl_approvals_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.hitl_approvals_id_seq OWNED BY public.hitl_approvals.id;

CREATE TABLE public.idempotency_keys (
    caller text NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    run_id text NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.kb_chunks (
    chunk_id bigint NOT NULL,
    doc_id uuid NOT NULL,
    "position" integer NOT NULL,
    title text NOT NULL,
    content text NOT NULL,
    tsv tsvector GENERATED ALWAYS AS ((setweight(to_tsvector('english'::regconfig, title), 'A'::"char") || setweight(to_tsvector('english'::regconfig, content), 'D'::"char"))) STORED NOT NULL
);

ALTER TABLE public.kb_chunks ALTER COLUMN chunk_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.kb_chunks_chunk_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.kb_corpus (
    one boolean DEFAULT true NOT NULL,
    chunks bigint DEFAULT 0 NOT NULL,
    embedder text,
    changed_at timestamp with time zone,
    CONSTRAINT kb_corpus_one_check CHECK (one)
);

CREATE TABLE public.kb_documents (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    project text,
    persona text,
    path text NOT NULL,
    content text NOT NULL,
    hash text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT kb_documents_path_check CHECK (((length(path) >= 1) AND (length(path) <= 1000))),
    CONSTRAINT kb_documents_persona_check CHECK ((persona ~ '^[a-z0-9_-]{1,50}$'::text)),
    CONSTRAINT kb_documents_project_check CHECK ((project ~ '^[a-z0-9_-]{1,50}$'::text))
);

CREATE TABLE public.kb_lexemes (
    lexeme text NOT NULL,
    chunks bigint NOT NULL,
    CONSTRAINT kb_lexemes_chunks_check CHECK ((chunks >= 0))
);

CREATE TABLE public.leases (
    name text NOT NULL,
    holder text NOT NULL,
    fence bigint DEFAULT 0 NOT NULL,
    held_until timestamp with time zone NOT NULL,
    last_success_at timestamp with time zone,
    last_report jsonb
);

CREATE TABLE public.metric_histograms (
    name text NOT NULL,
    labels text NOT NULL,
    run_id text DEFAULT ''::text NOT NULL,
    le double precision NOT NULL,
    count bigint NOT NULL,
    sum double precision NOT NULL
);

CREATE UNLOGGED TABLE public.metric_observations (
    observation_id bigint NOT NULL,
    name text NOT NULL,
    labels text NOT NULL,
    value double precision NOT NULL,
    run_id text
);

ALTER TABLE public.metric_observations ALTER COLUMN observation_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.metric_observations_observation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.metric_totals (
    name text NOT NULL,
    labels text NOT NULL,
    value double precision NOT NULL
);

CREATE VIEW public.orchestration_checkpoints AS
 SELECT runs.run_id,
    runs.state,
    runs.updated_at
   FROM public.runs;

CREATE TABLE public.outbox (
    effect_id bigint NOT NULL,
    key text NOT NULL,
    run_id text NOT NULL,
    kind text NOT NULL,
    provider text NOT NULL,
    job_id text,
    payload jsonb NOT NULL,
    state text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone NOT NULL,
    fence bigint DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone,
    sent_at timestamp with time zone,
    poked boolean DEFAULT false NOT NULL,
    last_error text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    lane text GENERATED ALWAYS AS (
CASE
    WHEN ((kind <> 'poll'::text) AND (sent_at IS NULL)) THEN 'start'::text
    ELSE 'look'::text
END) STORED NOT NULL,
    CONSTRAINT outbox_kind_check CHECK ((kind = ANY (ARRAY['persona'::text, 'submit'::text, 'poll'::text, 'notify'::text, 'trace'::text, 'report'::text]))),
    CONSTRAINT outbox_lease CHECK (((state = 'leased'::text) = (lease_until IS NOT NULL))),
    CONSTRAINT outbox_provider CHECK (((provider = ANY (ARRAY['kieai'::text, 'shotstack'::text, 'upload-post'::text, 'llm'::text, 'telegram'::text, 'slack'::text, 'otlp'::text, 'sentry'::text, 'mock'::text])) AND ((kind = 'notify'::text) = (provider = ANY (ARRAY['telegram'::text, 'slack'::text]))) AND ((kind = 'trace'::text) = (provider = 'otlp'::text)) AND ((kind = 'report'::text) = (provider = 'sentry'::text)))),
    CONSTRAINT outbox_sent CHECK (((sent_at IS NULL) OR (kind = 'submit'::text))),
    CONSTRAINT outbox_state_check CHECK ((state = ANY (ARRAY['due'::text, 'leased'::text, 'held'::text, 'done'::text, 'dead'::text, 'cancelled'::text])))
);

ALTER TABLE public.outbox ALTER COLUMN effect_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_effect_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.principal_identities (
    channel text NOT NULL,
    identity text NOT NULL,
    name text NOT NULL,
    CONSTRAINT principal_identities_channel_check CHECK ((channel = ANY (ARRAY['telegram'::text, 'slack'::text]))),
    CONSTRAINT principal_identities_identity_check CHECK ((identity ~ '^[A-Za-z0-9._:/-]{1,64}$'::text))
);

CREATE TABLE public.principal_keys (
    key_hash bytea NOT NULL,
    key_id text GENERATED ALWAYS AS ("left"(encode(key_hash, 'hex'::text), 12)) STORED NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT principal_keys_key_hash_check CHECK ((length(key_hash) = 32))
);

CREATE TABLE public.principals (
    name text NOT NULL,
    role text NOT NULL,
    groups text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    disabled_at timestamp with time zone,
    CONSTRAINT principals_groups CHECK (((cardinality(groups) <= 20) AND public.principal_words_fit(groups))),
    CONSTRAINT principals_name CHECK ((public.principal_words_fit(ARRAY[name]) AND (name <> 'operator'::text))),
    CONSTRAINT principals_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'approver'::text, 'operator'::text])))
);

CREATE TABLE public.project_budgets (
    project text NOT NULL,
    day date NOT NULL,
    clips integer NOT NULL,
    CONSTRAINT project_budgets_clips_check CHECK ((clips >= 0))
);

CREATE TABLE public.project_socials (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    project text NOT NULL,
    social_id uuid NOT NULL,
    is_primary boolean NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.project_versions (
    key text NOT NULL,
    version text NOT NULL,
    digest text NOT NULL,
    definition jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.projects (
    key text NOT NULL,
    version text NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE UNLOGGED TABLE public.rate_limits (
    name text NOT NULL,
    caller text NOT NULL,
    window_start timestamp with time zone NOT NULL,
    count integer NOT NULL
);

CREATE TABLE public.run_events (
    run_id text NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    body text NOT NULL,
    data jsonb GENERATED ALWAYS AS ((body)::jsonb) STORED NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT run_events_seq_check CHECK ((seq > 0))
);

CREATE TABLE public.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.socials (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    provider text NOT NULL,
    account_id text NOT NULL,
    credential_ref text,
    default_caption text,
    default_tags jsonb DEFAULT '[]'::jsonb NOT NULL,
    privacy text,
    rate_limit_window integer,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT socials_account_id_check CHECK (((length(account_id) >= 1) AND (length(account_id) <= 200))),
    CONSTRAINT socials_default_tags_check CHECK ((jsonb_typeof(default_tags) = 'array'::text)),
    CONSTRAINT socials_provider_check CHECK ((provider = 'upload-post'::text)),
    CONSTRAINT socials_rate_limit_window_check CHECK ((rate_limit_window > 0))
);

ALTER TABLE ONLY public.hitl_approvals ALTER COLUMN id SET DEFAULT nextval('public.hitl_approvals_id_seq'::regclass);

INSERT INTO public.drain VALUES (true, false, 'system', NULL, '2026-11-22 20:00:00+00');

INSERT INTO public.exports VALUES ('trace', '-infinity');
INSERT INTO public.exports VALUES ('report', '-infinity');

INSERT INTO public.kb_corpus VALUES (true, 0, NULL, NULL);

INSERT INTO public.leases VALUES ('kick', '', 0, '1970-01-01 00:00:00+00', NULL, NULL);
INSERT INTO public.leases VALUES ('sweep', '', 0, '1970-01-01 00:00:00+00', NULL, NULL);
INSERT INTO public.leases VALUES ('lost_effects', '', 0, '1970-01-01 00:00:00+00', NULL, NULL);

INSERT INTO public.provider_states VALUES ('kieai', 20, 10, 100, 64, 5, 30, '{}', '-infinity', '-infinity', 'closed', 0, 0, NULL, NULL);
INSERT INTO public.provider_states VALUES ('shotstack', 5, 1, 100, 32, 5, 30, '{}', '-infinity', '-infinity', 'closed', 0, 0, NULL, NULL);
INSERT INTO public.provider_states VALUES ('upload-post', 20, 10, 100, 32, 5, 30, '{}', '-infinity', '-infinity', 'closed', 0, 0, NULL, NULL);
INSERT INTO public.provider_states VALUES ('llm', 100, 10, NULL, 64, 5, 30, '{}', '-infinity', '-infinity', 'closed', 0, 0, NULL, NULL);
INSERT INTO public.provider_states VALUES ('mock', NULL, 10, NULL, NULL, 5, 30, '{}', '-infinity', '-infinity', 'closed', 0, 0, NULL, NULL);
INSERT INTO public.provider_states VALUES ('telegram', 30, 1, NULL, 16, 5, 30, '{}', '-infinity', '-infinity', 'closed', 0, 0, NULL, NULL);
INSERT INTO public.provider_states VALUES ('slack', 1, 1, NULL, 4, 5, 30, '{}', '-infinity', '-infinity', 'closed', 0, 0, NULL, NULL);
INSERT INTO public.provider_states VALUES ('otlp', NULL, 10, NULL, 4, 5, 30, '{}', '-infinity', '-infinity', 'closed', 0, 0, NULL, NULL);
INSERT INTO public.provider_states VALUES ('sentry', 20, 1, NULL, 4, 5, 30, '{}', '-infinity', '-infinity', 'closed', 0, 0, NULL, NULL);

INSERT INTO public.schema_migrations VALUES (1, '0001_tables', 'efefd9afc513247a771c55aecd02b7cef67e3b5cd065557cb972222fbd897032', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (7, '0007_verbs', 'a8a7cf6c1adb461a004ccb624eca9ba7c8aa0515d86417aa5642b867d3f79662', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (8, '0008_provider_states', '8aaa188d65376f49fc2ae04aa4da58560edea5e8019d91d3e8450a1906423414', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (9, '0009_operations', '835947b6fc2d43c4be14e3d3f4469b478acb3035626f47effb7ad1e436900eb4', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (13, '0013_dispatch', '839d0c4cbe2716d8f21f90656e1aceba54bbee0b699f88e2efad589308cedcdc', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (15, '0015_dead_letters', '9763517084e127d28d43ae412bd2b19d2dcb5402b512b7f8e75cebec56394a08', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (16, '0016_drain', 'cda4f1181e057325af95b5b4ce3a865fed664d6590f3f37eecc5bc7321f8d275', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (18, '0018_indexes', '5def34bcac733c554e89dae505471c1e30641ac28e8eaf739deaf163691cd117', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (19, '0019_gate_policies', '42c50ba3002dfbf3e34846fc8be018bc877f01ca01e31dd4e034b9e7f0d86b93', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (20, '0020_principals', '8f0496e9535181c0c4c942a3d8e28ee4fe320bc01eef89c525e852404102ccab', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (21, '0021_channels', '165db87b00d21c22037ccba67aa99ea45a0952233fb9786e25c44635cc7228b0', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (27, '0027_gates', 'e7b16da4086c8322b5050ce60e9b97d3deb12d49e04617fc6e1f7859ead02d1f', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (30, '0030_upkeep', '7db220502f1d0474ecca99e1d4525aa8b48ce80d1e0533311027b974c5ba3458', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (32, '0032_webhooks', 'df0f79f8809f3cac1a4fec1ee678f846ee20f0b8973848bda13acc7acb417a08', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (33, '0033_exports', '6782c7b4602306d63f089c933787728d567de1a1d2610a82ecc30db3821c77ad', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (35, '0035_knowledge', 'e9e7a2857368c2d5059bd5931e135b38595335a73256c8720fab0acf4e1c7b9f', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (36, '0036_agents', '6312659578cc0bbf3a24fefbb2c2d8b057c2d669575c467fa83d3f9781bc3545', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (37, '0037_run_rows', 'aab447eb6c919269a5d410af18bb0fa5d0339b757791a28a596c86ca21d5aa0a', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (38, '0038_reads', '94662b5cb0a398746e66e072e02cf3f6e6db4d9147a0070bbaf7140b41e91c15', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (39, '0039_chat', 'd0147803f3b63769699ad59823fece333b651b872717a3d2799b869a0676adb7', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (40, '0040_doctor', '326dc4190d0912cd22cbc03b2976169fb236dd8fc562738f427063fa7f26954d', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (42, '0042_personas', '41ebf6739e04361d0f3a56a9f45c5d951329c1e37385ca33e0b0fb041a0c7d76', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (43, '0043_metrics', '0956ab908626a7b86362de86516e6517e7f7578818707396766f9dc175996906', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (44, '0044_console', 'd1d6826b225064cbddf968ed027a737a9f4bd1e8a2f7e6efaeefc553aa8c9058', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (45, '0045_run_commit', 'e6a2a46c458dd70da9558c1f109756833f82f7c90d0bea5143628dff89bc12fa', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (46, '0046_sweep', 'b9257b4e6037d9d2ee61abe30f81c0eca9535e8ca06d4b65ab592b1cac456047', '2026-11-22 20:00:00+00');
INSERT INTO public.schema_migrations VALUES (47, '0047_storage', 'e43ffff2f91347db71ce2f086a8d857a29022561cd6afe85adde49227ac88352', '2026-11-22 20:00:00+00');

SELECT pg_catalog.setval('public.artifacts_position_seq', 1, false);

SELECT pg_catalog.setval('public.chat_messages_message_id_seq', 1, false);

SELECT pg_catalog.setval('public.hitl_approvals_id_seq', 1, false);

SELECT pg_catalog.setval('public.kb_chunks_chunk_id_seq', 1, false);

SELECT pg_catalog.setval('public.metric_observations_observation_id_seq', 1, false);

SELECT pg_catalog.setval('public.outbox_effect_id_seq', 1, false);

ALTER TABLE ONLY public.artifacts
    ADD CONSTRAINT artifacts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.channel_updates
    ADD CONSTRAINT channel_updates_pkey PRIMARY KEY (kind, update_id);

ALTER TABLE ONLY public.channels
    ADD CONSTRAINT channels_once UNIQUE NULLS NOT DISTINCT (kind, address, project);

ALTER TABLE ONLY public.channels
    ADD CONSTRAINT channels_pkey PRIMARY KEY (channel_id);

ALTER TABLE ONLY public.chat_messages
    ADD CONSTRAINT chat_messages_pkey PRIMARY KEY (message_id);

ALTER TABLE ONLY public.chat_summaries
    ADD CONSTRAINT chat_summaries_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.chat_usage
    ADD CONSTRAINT chat_usage_pkey PRIMARY KEY (user_id, day);

ALTER TABLE ONLY public.drain
    ADD CONSTRAINT drain_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.exports
    ADD CONSTRAINT exports_pkey PRIMARY KEY (kind);

ALTER TABLE ONLY public.gates
    ADD CONSTRAINT gates_pkey PRIMARY KEY (run_id, gate, opening);

ALTER TABLE ONLY public.hitl_approvals
    ADD CONSTRAINT hitl_approvals_one_each UNIQUE (run_id, gate, opening, approver);

ALTER TABLE ONLY public.hitl_approvals
    ADD CONSTRAINT hitl_approvals_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (caller, key);

ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (job_id);

ALTER TABLE ONLY public.kb_chunks
    ADD CONSTRAINT kb_chunks_doc_id_position_key UNIQUE (doc_id, "position");

ALTER TABLE ONLY public.kb_chunks
    ADD CONSTRAINT kb_chunks_pkey PRIMARY KEY (chunk_id);

ALTER TABLE ONLY public.kb_corpus
    ADD CONSTRAINT kb_corpus_pkey PRIMARY KEY (one);

ALTER TABLE ONLY public.kb_documents
    ADD CONSTRAINT kb_documents_path_key UNIQUE (path);

ALTER TABLE ONLY public.kb_documents
    ADD CONSTRAINT kb_documents_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.kb_lexemes
    ADD CONSTRAINT kb_lexemes_pkey PRIMARY KEY (lexeme);

ALTER TABLE ONLY public.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.metric_histograms
    ADD CONSTRAINT metric_histograms_pkey PRIMARY KEY (name, labels, run_id, le);

ALTER TABLE ONLY public.metric_observations
    ADD CONSTRAINT metric_observations_pkey PRIMARY KEY (observation_id);

ALTER TABLE ONLY public.metric_totals
    ADD CONSTRAINT metric_totals_pkey PRIMARY KEY (name, labels);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_key_key UNIQUE (key);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (effect_id);

ALTER TABLE ONLY public.principal_identities
    ADD CONSTRAINT principal_identities_name_channel_key UNIQUE (name, channel);

ALTER TABLE ONLY public.principal_identities
    ADD CONSTRAINT principal_identities_pkey PRIMARY KEY (channel, identity);

ALTER TABLE ONLY public.principal_keys
    ADD CONSTRAINT principal_keys_key_id_key UNIQUE (key_id);

ALTER TABLE ONLY public.principal_keys
    ADD CONSTRAINT principal_keys_pkey PRIMARY KEY (key_hash);

ALTER TABLE ONLY public.principals
    ADD CONSTRAINT principals_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.project_budgets
    ADD CONSTRAINT project_budgets_pkey PRIMARY KEY (project);

ALTER TABLE ONLY public.project_socials
    ADD CONSTRAINT project_socials_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.project_socials
    ADD CONSTRAINT project_socials_project_social_id_key UNIQUE (project, social_id);

ALTER TABLE ONLY public.project_versions
    ADD CONSTRAINT project_versions_pkey PRIMARY KEY (key, version);

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.provider_states
    ADD CONSTRAINT provider_states_pkey PRIMARY KEY (provider);

ALTER TABLE ONLY public.rate_limits
    ADD CONSTRAINT rate_limits_pkey PRIMARY KEY (name, caller);

ALTER TABLE ONLY public.run_events
    ADD CONSTRAINT run_events_pkey PRIMARY KEY (run_id, seq);

ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.socials
    ADD CONSTRAINT socials_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.socials
    ADD CONSTRAINT socials_provider_account_id_key UNIQUE (provider, account_id);

ALTER TABLE ONLY public.webhook_dlq
    ADD CONSTRAINT webhook_dlq_idempotency_key_provider_key UNIQUE (idempotency_key, provider);

ALTER TABLE ONLY public.webhook_dlq
    ADD CONSTRAINT webhook_dlq_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhook_events
    ADD CONSTRAINT webhook_events_pkey PRIMARY KEY (id);

CREATE INDEX artifacts_by_persona ON public.artifacts USING btree (persona) WHERE (persona IS NOT NULL);

CREATE INDEX artifacts_by_run ON public.artifacts USING btree (run_id, "position");

CREATE INDEX channel_updates_oldest ON public.channel_updates USING btree (received_at);

CREATE INDEX chat_messages_by_user ON public.chat_messages USING btree (user_id, message_id DESC);

CREATE INDEX chat_messages_untold ON public.chat_messages USING btree (user_id, message_id) WHERE ((role = 'notice'::text) AND (told_at IS NULL));

CREATE UNIQUE INDEX gates_one_open ON public.gates USING btree (run_id) WHERE (state = 'open'::text);

CREATE INDEX gates_open_by_deadline ON public.gates USING btree (deadline, run_id) WHERE (state = 'open'::text);

CREATE INDEX gates_to_warn ON public.gates USING btree (warn_at, run_id) WHERE ((warn_at IS NOT NULL) AND (state = 'open'::text));

CREATE INDEX hitl_approvals_newest ON public.hitl_approvals USING btree (created_at DESC);

CREATE INDEX idempotency_keys_by_age ON public.idempotency_keys USING btree (created_at);

CREATE INDEX jobs_by_provider_task ON public.jobs USING btree (provider, task_id) WHERE (task_id IS NOT NULL);

CREATE INDEX jobs_by_run ON public.jobs USING btree (run_id);

CREATE INDEX jobs_open ON public.jobs USING btree (job_id) WHERE (state = ANY (ARRAY['requested'::text, 'submitted'::text]));

CREATE INDEX jobs_open_by_account ON public.jobs USING btree (account) WHERE ((state = ANY (ARRAY['requested'::text, 'submitted'::text])) AND (account IS NOT NULL));

CREATE INDEX kb_chunks_by_word ON public.kb_chunks USING gin (tsv);

CREATE INDEX kb_documents_by_reader ON public.kb_documents USING btree (project, persona);

CREATE INDEX kb_lexemes_unused ON public.kb_lexemes USING btree (lexeme) WHERE (chunks = 0);

CREATE INDEX metric_histograms_by_run ON public.metric_histograms USING btree (run_id) WHERE (run_id <> ''::text);

CREATE INDEX outbox_by_job ON public.outbox USING btree (job_id) WHERE (job_id IS NOT NULL);

CREATE INDEX outbox_due ON public.outbox USING btree (due_at, effect_id) WHERE (state = 'due'::text);

CREATE INDEX outbox_due_by_lane ON public.outbox USING btree (provider, lane, due_at, effect_id) WHERE (state = 'due'::text);

CREATE INDEX outbox_held ON public.outbox USING btree (run_id) WHERE (state = 'held'::text);

CREATE INDEX outbox_leased ON public.outbox USING btree (lease_until) WHERE (state = 'leased'::text);

CREATE INDEX outbox_leased_by_provider ON public.outbox USING btree (provider) WHERE (state = 'leased'::text);

CREATE INDEX outbox_live_by_run ON public.outbox USING btree (run_id) WHERE (state = ANY (ARRAY['due'::text, 'leased'::text, 'held'::text, 'dead'::text]));

CREATE INDEX outbox_open_looks ON public.outbox USING btree (provider) WHERE ((state = ANY (ARRAY['due'::text, 'leased'::text])) AND (lane = 'look'::text));

CREATE INDEX outbox_untold ON public.outbox USING btree (effect_id) WHERE ((state = 'dead'::text) AND (kind = 'notify'::text));

CREATE INDEX principal_keys_by_name ON public.principal_keys USING btree (name, created_at DESC);

CREATE INDEX principals_by_group ON public.principals USING gin (groups);

CREATE UNIQUE INDEX project_socials_primary ON public.project_socials USING btree (project) WHERE is_primary;

CREATE INDEX runs_by_end ON public.runs USING btree (finished_at, run_id) WHERE (finished_at IS NOT NULL);

CREATE INDEX runs_by_project ON public.runs USING btree (project, created_at DESC, run_id DESC);

CREATE INDEX runs_by_project_and_status ON public.runs USING btree (project, status, created_at DESC, run_id DESC);

CREATE INDEX runs_by_status ON public.runs USING btree (status, created_at DESC, run_id DESC);

CREATE INDEX runs_by_user ON public.runs USING btree (user_id, created_at DESC, run_id DESC);

CREATE INDEX runs_newest ON public.runs USING btree (created_at DESC, run_id DESC);

CREATE INDEX runs_open_by_deadline ON public.runs USING btree (deadline, run_id) WHERE (finished_at IS NULL);

CREATE UNIQUE INDEX runs_successor ON public.runs USING btree (parent_run_id, successor_key) WHERE (parent_run_id IS NOT NULL);

CREATE INDEX runs_waiting_by_deadline ON public.runs USING btree (deadline, run_id) WHERE (status = ANY (ARRAY['pending_workflow'::text, 'awaiting_ideate'::text, 'awaiting_prepublish'::text]));

CREATE INDEX webhook_dlq_due ON public.webhook_dlq USING btree (next_retry_at, id) WHERE (next_retry_at IS NOT NULL);

CREATE INDEX webhook_dlq_newest ON public.webhook_dlq USING btree (created_at DESC, id DESC);

CREATE UNIQUE INDEX webhook_events_accepted ON public.webhook_events USING btree (provider, idempotency_key) WHERE (outcome <> 'refused'::text);

CREATE INDEX webhook_events_by_run ON public.webhook_events USING btree (run_id, received_at) WHERE (run_id IS NOT NULL);

CREATE INDEX webhook_events_done_by_age ON public.webhook_events USING btree (COALESCE(settled_at, received_at)) WHERE (outcome = ANY (ARRAY['accepted'::text, 'discarded'::text, 'ignored'::text]));

CREATE INDEX webhook_events_newest_first ON public.webhook_events USING btree (received_at DESC, id DESC);

CREATE UNIQUE INDEX webhook_events_refused ON public.webhook_events USING btree (provider, idempotency_key) WHERE (outcome = 'refused'::text);

CREATE INDEX webhook_events_refused_by_age ON public.webhook_events USING btree (received_at) WHERE (outcome = 'refused'::text);

CREATE INDEX webhook_events_refused_newest ON public.webhook_events USING btree (received_at DESC, id DESC) WHERE (outcome = 'refused'::text);

CREATE TRIGGER run_events_guard BEFORE DELETE OR UPDATE ON public.run_events FOR EACH ROW EXECUTE FUNCTION public.run_events_guard();

CREATE TRIGGER runs_guard BEFORE UPDATE OF status ON public.runs FOR EACH ROW EXECUTE FUNCTION public.runs_guard();

ALTER TABLE ONLY public.artifacts
    ADD CONSTRAINT artifacts_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.channels
    ADD CONSTRAINT channels_project_fkey FOREIGN KEY (project) REFERENCES public.projects(key);

ALTER TABLE ONLY public.gates
    ADD CONSTRAINT gates_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.hitl_approvals
    ADD CONSTRAINT hitl_approvals_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.kb_chunks
    ADD CONSTRAINT kb_chunks_doc_id_fkey FOREIGN KEY (doc_id) REFERENCES public.kb_documents(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.jobs(job_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.principal_identities
    ADD CONSTRAINT principal_identities_name_fkey FOREIGN KEY (name) REFERENCES public.principals(name);

ALTER TABLE ONLY public.principal_keys
    ADD CONSTRAINT principal_keys_name_fkey FOREIGN KEY (name) REFERENCES public.principals(name);

ALTER TABLE ONLY public.project_socials
    ADD CONSTRAINT project_socials_project_fkey FOREIGN KEY (project) REFERENCES public.projects(key) ON DELETE CASCADE;

ALTER TABLE ONLY public.project_socials
    ADD CONSTRAINT project_socials_social_id_fkey FOREIGN KEY (social_id) REFERENCES public.socials(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_key_version_fkey FOREIGN KEY (key, version) REFERENCES public.project_versions(key, version);

ALTER TABLE ONLY public.run_events
    ADD CONSTRAINT run_events_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_parent_run_id_fkey FOREIGN KEY (parent_run_id) REFERENCES public.runs(run_id) ON DELETE SET NULL;

ALTER TABLE ONLY public.webhook_dlq
    ADD CONSTRAINT webhook_dlq_id_fkey FOREIGN KEY (id) REFERENCES public.webhook_events(id) ON DELETE CASCADE;

