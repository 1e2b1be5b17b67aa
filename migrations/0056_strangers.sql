-- What strangers can make us keep. A stranger is whoever sends a delivery whose body no signature covers: Shotstack signs
-- nothing, kie.ai signs a task and a time, and what is refused anybody may have sent. Such a delivery pokes the job that it
-- names, as ever; what is stored of it is small, comes out of a budget, and ends by itself. Map:
--   strangers_take                    the budgets
--   webhook_accept, webhook_refuse    every delivery, in one statement
--   dead_letters_*, dead_letter_*     dead letters of strangers expire; lists and counts read no more than they show
--   metrics_gauges, drain_status      cost the same however many dead letters there are; count the database's connections
--   retention_prune, sweep_begin      what is over goes with the sweep
--   doctor_webhooks                   reads each dead letter once

-- Size of the whole body; null on receipts from before this migration. The body itself is kept only where somebody may read it:
-- of senders who sign it, and the beginning of a dead letter's and of a refused one's.
ALTER TABLE webhook_events ADD COLUMN IF NOT EXISTS payload_bytes integer;

-- When the sweep discards a stranger's dead letter; null where the sender signed the body: that one waits for somebody to settle
-- it. Headers and body are the receipt's; the columns of the dead letter stay empty.
ALTER TABLE webhook_dlq ADD COLUMN IF NOT EXISTS expires_at timestamptz;
-- Dead letters of the release before get the whole time from now on.
UPDATE webhook_dlq SET expires_at = now() + interval '3 days'
  FROM webhook_events AS receipt
 WHERE receipt.id = webhook_dlq.id AND expires_at IS NULL
   AND (receipt.signature_status = 'unsigned' OR receipt.provider = 'kieai');

CREATE INDEX IF NOT EXISTS webhook_dlq_expiring ON webhook_dlq (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS webhook_dlq_by_provider ON webhook_dlq (provider, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS webhook_dlq_by_reason ON webhook_dlq (error, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS webhook_dlq_exhausted ON webhook_dlq (created_at DESC, id DESC) WHERE next_retry_at IS NULL;
CREATE INDEX IF NOT EXISTS rate_limits_by_age ON rate_limits (window_start);

-- The sweep deletes windows that are over. An instance may sweep before ops/postgres/roles.sql is run again.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'myloware_app') THEN
        GRANT DELETE ON rate_limits TO myloware_app;
    END IF;
END $$;

-- Takes bytes from a budget of 64 KB a minute: false, and nothing is taken, where they do not fit. There are twelve budgets, so
-- strangers make us keep 768 KB a minute at most, all senders, routes and sizes together:
--   refused                          all that is refused
--   kieai, shotstack, upload-post    what names no open job, by sender
--   job 0 … job 7                    what names an open job, by its id: garbage leaves this part alone
-- A budget that is used up is only looked at: a flood waits for no lock and writes nothing.
CREATE OR REPLACE FUNCTION strangers_take(budget text, bytes integer, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    span interval := interval '1 minute';
    bytes_max integer := 65536;
BEGIN
    IF bytes > bytes_max OR EXISTS (
        SELECT FROM rate_limits WHERE name = 'strangers' AND caller = budget
           AND window_start + span > a_now AND count + bytes > bytes_max) THEN
        RETURN false;
    END IF;
    INSERT INTO rate_limits AS held (name, caller, window_start, count) VALUES ('strangers', budget, a_now, bytes)
    ON CONFLICT (name, caller) DO UPDATE SET
        count = CASE WHEN held.window_start + span <= a_now THEN excluded.count ELSE held.count + excluded.count END,
        window_start = CASE WHEN held.window_start + span <= a_now THEN a_now ELSE held.window_start END
     WHERE held.window_start + span <= a_now OR held.count + excluded.count <= bytes_max;
    RETURN FOUND;
END $$;

-- What a receipt takes of a budget: its row with the index entries, as they are on the disk, and what varies. A long body lies
-- in chunks of its own, which have indexes and gaps, too.
CREATE OR REPLACE FUNCTION receipt_bytes(headers jsonb, query text, body bytea) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT 768 + pg_column_size(headers) + octet_length(query) + octet_length(body) * 5 / 4
$$;

-- {"now", "provider", "key", "headers", "query", "signature_status", "trusted", "ignore", "match", "hint", "payload_bytes",
-- "seen"?} and of the raw body what may be kept → {"status": "accepted" | "duplicate" | "dlq" | "busy", "run_id", "kick",
-- "seen"}. "trusted" says that a signature covers the body. A repetition pokes its job again, and where the first delivery is a
-- dead letter and the job is known by now, it closes the dead letter. Over its budget, a stranger's delivery that names a job, or
-- has no effect, is answered as accepted without a receipt: the poke is what is committed. One that matches nothing is to come
-- again. The budget is taken when the job is held already, so that nobody holds it while waiting for a job.
CREATE OR REPLACE FUNCTION webhook_accept(request jsonb, body bytea) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    a_provider text := request->>'provider';
    -- The release before does not say it.
    trusted boolean := coalesce((request->>'trusted')::boolean, request->>'signature_status' = 'valid');
    bytes integer := coalesce((request->>'payload_bytes')::integer, octet_length(body));
    ignored boolean := (request->>'ignore')::boolean;
    job jobs;
    finding text;
    became text := 'duplicate';
    receipt uuid;
    dead_letter uuid;
    awake boolean := false;
BEGIN
    IF NOT ignored THEN
        job := job_match(a_provider, request->'match');
    END IF;
    IF job.job_id IS NOT NULL THEN
        awake := job_poke(job.job_id, request->'hint', a_now);
    END IF;
    finding := CASE WHEN ignored THEN 'ignored' WHEN job.job_id IS NULL THEN 'dlq' ELSE 'accepted' END;
    IF finding = 'ignored' OR (finding = 'accepted' AND NOT trusted) THEN
        -- Nothing reads it any more.
        body := '';
    END IF;
    IF trusted OR NOT EXISTS (SELECT FROM webhook_events WHERE provider = a_provider
                                 AND idempotency_key = request->>'key' AND outcome <> 'refused') THEN
        IF trusted OR strangers_take(
            CASE WHEN job.state IN ('requested', 'submitted') THEN 'job ' || (hashtext(job.job_id) & 7) ELSE a_provider END,
            receipt_bytes(request->'headers', request->>'query', body) + CASE finding WHEN 'dlq'
                THEN 512 + pg_column_size(request->'match') + pg_column_size(request->'hint') ELSE 0 END,
            a_now) THEN
            INSERT INTO webhook_events (idempotency_key, provider, headers, query, payload, payload_bytes, signature_status,
                                        outcome, received_at, run_id, job_id)
            VALUES (request->>'key', a_provider, request->'headers', request->>'query', body, bytes,
                    request->>'signature_status', finding, a_now, job.run_id, job.job_id)
            ON CONFLICT (provider, idempotency_key) WHERE outcome <> 'refused' DO NOTHING
            RETURNING id INTO receipt;
            became := CASE WHEN receipt IS NULL THEN 'duplicate' ELSE finding END;
        ELSE
            became := CASE finding WHEN 'dlq' THEN 'busy' ELSE 'unrecorded' END;
        END IF;
    END IF;
    IF became = 'dlq' THEN
        INSERT INTO webhook_dlq (id, idempotency_key, provider, headers, payload, match, error, next_retry_at, expires_at,
                                 last_error_at, created_at, updated_at)
        VALUES (receipt, request->>'key', a_provider, '{}', '',
                jsonb_build_object('match', request->'match', 'hint', request->'hint'),
                job_match_failure(a_provider, request->'match'), a_now + interval '5 seconds',
                CASE WHEN NOT trusted THEN a_now + interval '3 days' END, a_now, a_now, a_now);
    ELSIF became = 'duplicate' AND job.job_id IS NOT NULL THEN
        SELECT id INTO dead_letter FROM webhook_events
         WHERE provider = a_provider AND idempotency_key = request->>'key' AND outcome = 'dlq';
        PERFORM dead_letter_close(dead_letter, 'accepted', job, 'redelivery', 'the provider sent it again', a_now);
    END IF;
    INSERT INTO metric_observations (name, labels, value, run_id)
    SELECT 'webhook_verify_total', format('provider="%s",status="%s"', a_provider, request->>'signature_status'), 1, NULL
    UNION ALL
    SELECT 'webhook_deliveries_total', format('provider="%s",outcome="%s"', a_provider, became), 1, NULL
    UNION ALL
    SELECT 'api_rate_limited_requests_total', 'name="strangers"', 1, NULL WHERE became = 'busy'
    UNION ALL
    -- The request was to be answered with 200.
    SELECT 'http_request_duration_seconds', request->'seen'->>'labels', seen_seconds(request->'seen'), job.run_id
     WHERE request ? 'seen' AND became <> 'busy';
    RETURN jsonb_build_object(
        'status', CASE WHEN became IN ('ignored', 'unrecorded') THEN 'accepted' ELSE became END,
        'run_id', job.run_id, 'kick', awake AND kick_take(a_now), 'seen', request ? 'seen' AND became <> 'busy');
END $$;

-- {"now", "provider", "body_hash", "headers", "signature_status", "payload_bytes", "seen"?} and the beginning of the body →
-- {"stored", "seen"}. What is refused burns no key; each body is one row, counted as long as the budget lasts.
CREATE OR REPLACE FUNCTION webhook_refuse(request jsonb, body bytea) RETURNS jsonb
LANGUAGE plpgsql AS $$
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
    kept := strangers_take('refused', receipt_bytes(request->'headers', '', body), a_now);
    IF kept THEN
        INSERT INTO webhook_events AS held (idempotency_key, provider, headers, payload, payload_bytes, signature_status,
                                            outcome, received_at)
        VALUES (request->>'body_hash', request->>'provider', request->'headers', body,
                coalesce((request->>'payload_bytes')::integer, octet_length(body)), request->>'signature_status',
                'refused', a_now)
        ON CONFLICT (provider, idempotency_key) WHERE outcome = 'refused'
        DO UPDATE SET count = held.count + 1, received_at = a_now, signature_status = excluded.signature_status;
    END IF;
    RETURN jsonb_build_object('stored', kept, 'seen', request ? 'seen');
END $$;

-- Discards a page of strangers' dead letters whose time is over, with their bodies, which nobody has asked for: how many. One
-- that somebody settles at this moment is theirs.
CREATE OR REPLACE FUNCTION dead_letters_expire(a_now timestamptz, page integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    acted integer;
BEGIN
    WITH going AS (
        DELETE FROM webhook_dlq WHERE id = ANY (ARRAY(
            SELECT id FROM webhook_dlq WHERE expires_at <= a_now ORDER BY expires_at LIMIT page FOR UPDATE SKIP LOCKED))
        RETURNING id
    )
    UPDATE webhook_events SET outcome = 'discarded', payload = '', settled_at = a_now, settled_by = 'sweep',
           settled_reason = 'its body was not signed, and no job claimed it in three days'
      FROM going WHERE webhook_events.id = going.id;
    GET DIAGNOSTICS acted = ROW_COUNT;
    RETURN acted;
END $$;

-- One dead letter as the API shows it.
CREATE OR REPLACE FUNCTION dead_letter_row(letter webhook_dlq) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', letter.id, 'provider', letter.provider, 'reason', letter.error,
        'match', letter.match->'match', 'attempts', letter.retry_count, 'exhausted', letter.next_retry_at IS NULL,
        'nextRetryAt', letter.next_retry_at, 'lastErrorAt', letter.last_error_at, 'createdAt', letter.created_at,
        'expiresAt', letter.expires_at)
$$;

-- {"provider"?, "reason"?, "exhausted"?, "before"?: {"created_at", "id"}, "limit"} → {"letters": [...], "more"}, newest
-- first, by key. The conditions are constant texts, so that each list uses its own index.
CREATE OR REPLACE FUNCTION dead_letters_list(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    page integer := (request->>'limit')::integer;
    rows jsonb;
BEGIN
    EXECUTE 'SELECT coalesce(jsonb_agg(dead_letter_row(letter)
                        ORDER BY (letter).created_at DESC, (letter).id DESC), ''[]'')
               FROM (SELECT webhook_dlq AS letter FROM webhook_dlq WHERE true'
        || CASE WHEN request->>'provider' IS NOT NULL THEN ' AND provider = $1->>''provider''' ELSE '' END
        || CASE WHEN request->>'reason' IS NOT NULL THEN ' AND error = $1->>''reason''' ELSE '' END
        || CASE request->>'exhausted' WHEN 'true' THEN ' AND next_retry_at IS NULL'
                                      WHEN 'false' THEN ' AND next_retry_at IS NOT NULL' ELSE '' END
        || CASE WHEN request->'before'->>'id' IS NOT NULL THEN ' AND (created_at, id) <
                (($1->''before''->>''created_at'')::timestamptz, ($1->''before''->>''id'')::uuid)' ELSE '' END
        || ' ORDER BY created_at DESC, id DESC LIMIT $2) AS page'
       INTO rows USING request, page + 1;
    RETURN jsonb_build_object('letters', CASE WHEN jsonb_array_length(rows) > page THEN rows - page ELSE rows END,
                              'more', jsonb_array_length(rows) > page);
END $$;

-- {"id", "payload_bytes"} → one dead letter with what was received, or how it ended; null when there never was one.
CREATE OR REPLACE FUNCTION dead_letter_view(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('id', receipt.id, 'provider', receipt.provider, 'createdAt', receipt.received_at)
            || CASE WHEN letter.id IS NULL THEN '{}' ELSE dead_letter_row(letter) END
            || jsonb_build_object('outcome', outcome, 'signatureStatus', signature_status, 'query', query,
                'headers', receipt.headers, 'payloadSize', coalesce(receipt.payload_bytes, length(receipt.payload)), 'payload',
                translate(encode(substr(receipt.payload, 1, (request->>'payload_bytes')::integer), 'base64'), E'\n', ''),
                'runId', run_id, 'jobId', job_id, 'settledAt', settled_at, 'settledBy', settled_by,
                'settledReason', settled_reason)
          FROM webhook_events AS receipt LEFT JOIN webhook_dlq AS letter USING (id)
         WHERE id = (request->>'id')::uuid AND (outcome = 'dlq' OR settled_at IS NOT NULL)), 'null')
$$;

-- How many dead letters are counted at most, by sender and in all: whoever sends more makes nothing slower.
CREATE OR REPLACE FUNCTION dead_letters_counted() RETURNS integer
LANGUAGE sql IMMUTABLE AS $$ SELECT 1000 $$;

-- The senders of dead letters, each found by one look into the index.
CREATE OR REPLACE FUNCTION dead_letter_senders() RETURNS SETOF text
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE senders AS (
        (SELECT provider FROM webhook_dlq ORDER BY provider LIMIT 1)
        UNION ALL
        SELECT (SELECT provider FROM webhook_dlq WHERE webhook_dlq.provider > senders.provider ORDER BY provider LIMIT 1)
          FROM senders WHERE senders.provider IS NOT NULL
    )
    SELECT provider FROM senders WHERE provider IS NOT NULL
$$;

-- The gauges at a moment, as (name, labels, value). Of runs, gates, jobs and effects, what is open is counted, of which only
-- we make more; of dead letters, which strangers make, so many at most.
CREATE OR REPLACE FUNCTION metrics_gauges(a_now timestamptz) RETURNS TABLE (name text, labels text, value double precision)
LANGUAGE sql STABLE AS $$
    WITH open_runs AS MATERIALIZED (
        SELECT project, status, updated_at, deadline FROM runs WHERE finished_at IS NULL
    ), open_gates AS MATERIALIZED (
        SELECT gate, opened_at, deadline FROM gates WHERE state = 'open'
    ), dead_letters AS MATERIALIZED (
        SELECT sender AS provider, counted.many, (
                   SELECT created_at FROM webhook_dlq WHERE provider = sender ORDER BY created_at, id LIMIT 1) AS oldest
          FROM dead_letter_senders() AS sender, LATERAL (
            SELECT count(*) AS many FROM (SELECT FROM webhook_dlq WHERE provider = sender ORDER BY created_at DESC, id DESC
                                           LIMIT dead_letters_counted()) AS listed) AS counted
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
      FROM unnest(ARRAY['kieai', 'shotstack', 'upload-post']) AS provider FULL JOIN dead_letters USING (provider)
    UNION ALL
    SELECT 'webhook_dlq_oldest_age_seconds', format('provider="%s"', provider), greatest(0, extract(epoch FROM a_now - oldest))
      FROM dead_letters
    UNION ALL
    SELECT 'webhook_dlq_exhausted', '', count(*)
      FROM (SELECT FROM webhook_dlq WHERE next_retry_at IS NULL ORDER BY created_at DESC, id DESC
             LIMIT dead_letters_counted()) AS listed
    UNION ALL
    -- Of the role that asks: its own are all that it may see.
    SELECT 'database_connections', '', count(*)
      FROM pg_stat_activity WHERE usename = current_user AND datname = current_database()
    UNION ALL
    SELECT 'database_connections_max', '', CASE WHEN rolconnlimit >= 0 THEN rolconnlimit
                                                ELSE current_setting('max_connections')::integer END
      FROM pg_roles WHERE rolname = current_user
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

-- {} → the switch, and what is left: {"drain", "runs": {status: count}, "effects": {"due", "leased"},
-- "jobs": {state: count}, "dead_letters", "dead_letters_more"}. Counts what is open, of which history has no part,
-- nor what is only exported; and of dead letters so many at most: "dead_letters_more" where there may be more.
CREATE OR REPLACE FUNCTION drain_status(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    WITH dead_letters AS MATERIALIZED (
        SELECT count(*) AS many FROM (SELECT FROM webhook_dlq ORDER BY created_at DESC, id DESC
                                       LIMIT dead_letters_counted()) AS listed)
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
        'dead_letters', dead_letters.many, 'dead_letters_more', dead_letters.many = dead_letters_counted())
      FROM dead_letters
$$;

-- One receipt as the console shows it.
CREATE OR REPLACE FUNCTION console_receipt(receipt webhook_events) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('id', receipt.id, 'provider', receipt.provider, 'signature', receipt.signature_status,
        'outcome', receipt.outcome, 'bytes', coalesce(receipt.payload_bytes, length(receipt.payload)),
        'received_at', receipt.received_at, 'count', receipt.count, 'run_id', receipt.run_id,
        'settled_by', receipt.settled_by, 'settled_reason', receipt.settled_reason));
END $$;

-- {"now", "holder", "lease_seconds", "exports"?} → {"granted", "fence", "due": {...}}. The lease statement says what is due;
-- when no reconciler has work it records the success and holds nothing, so that an idle sweep is this one statement.
CREATE OR REPLACE FUNCTION sweep_begin(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
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
                  OR coalesce((SELECT min(received_at) FROM channel_updates) < a_now - interval '7 days', false)
                  OR coalesce((SELECT min(expires_at) FROM webhook_dlq) <= a_now, false)
                  OR coalesce((SELECT min(window_start) FROM rate_limits) < a_now - interval '10 minutes', false));
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
END $$;

-- {"now", "limit", "webhooks_days"?} → {"acted", "receipts"}: what is old goes. Webhook events after 14 days (a dead letter's
-- receipt 14 days after its end), refusals after one; strangers' dead letters end; windows of limits that are over go. An open
-- dead letter of a sender who signs never goes. "acted" counts all of it, so that a backlog is worked off page after page.
CREATE OR REPLACE FUNCTION retention_prune(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    oldest timestamptz := a_now - make_interval(days => coalesce((request->>'webhooks_days')::integer, 14));
    page integer := (request->>'limit')::integer;
    receipts integer;
    acted integer;
    others integer;
BEGIN
    DELETE FROM webhook_events WHERE id = ANY (ARRAY(
        (SELECT id FROM webhook_events WHERE outcome = 'refused' AND received_at < a_now - interval '1 day'
          ORDER BY received_at LIMIT page)
        UNION ALL
        (SELECT id FROM webhook_events WHERE outcome IN ('accepted', 'discarded', 'ignored')
            AND coalesce(settled_at, received_at) < oldest ORDER BY coalesce(settled_at, received_at) LIMIT page)));
    GET DIAGNOSTICS receipts = ROW_COUNT;
    acted := receipts + dead_letters_expire(a_now, page);
    -- No window is longer than a minute.
    DELETE FROM rate_limits WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM rate_limits WHERE window_start < a_now - interval '10 minutes' ORDER BY window_start LIMIT page));
    GET DIAGNOSTICS others = ROW_COUNT;
    acted := acted + others;
    -- Telegram repeats an update for a day at most.
    DELETE FROM channel_updates WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM channel_updates WHERE received_at < a_now - interval '7 days' ORDER BY received_at LIMIT page));
    GET DIAGNOSTICS others = ROW_COUNT;
    acted := acted + others;
    DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM idempotency_keys WHERE created_at < a_now - interval '7 days' ORDER BY created_at LIMIT page));
    GET DIAGNOSTICS others = ROW_COUNT;
    RETURN jsonb_build_object('acted', acted + others, 'receipts', receipts);
END $$;

-- {"now", "slack_seconds", "limit", "after"?} → {"count", "last", "findings"}: the next page of receipts by key. What
-- was accepted found its job or is a dead letter, and dead letters are tried when they are due.
CREATE OR REPLACE FUNCTION doctor_webhooks(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    WITH page AS (
        SELECT e.id, e.run_id, e.provider, e.outcome, e.job_id, letter.id AS letter, letter.next_retry_at
          FROM (SELECT * FROM webhook_events
                 WHERE id > coalesce((request->>'after')::uuid, '00000000-0000-0000-0000-000000000000')
                 ORDER BY id LIMIT (request->>'limit')::integer) AS e
          -- By key, each: a plan that reads all dead letters for every page is as long as strangers make it.
          LEFT JOIN LATERAL (SELECT id, next_retry_at FROM webhook_dlq WHERE webhook_dlq.id = e.id OFFSET 0) AS letter ON true
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
