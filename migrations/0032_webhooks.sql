-- Webhooks: one statement stores the receipt and makes the job due for a look. Nothing in a callback changes a run:
-- the poller, with our key, asks the provider.

-- Makes the effect of a job due now, and keeps what the callback said as a hint. Wakes a submission only when it is
-- waiting to learn its own fate.
CREATE OR REPLACE FUNCTION job_poke(a_job_id text, a_hint jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
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

-- The jobs that a delivery may be about when it does not name one by our own id, two at most: by the provider's task
-- id; else, for upload-post, the open posts of the profile.
CREATE OR REPLACE FUNCTION jobs_fitting(a_provider text, a_match jsonb) RETURNS SETOF jobs
LANGUAGE plpgsql STABLE AS $$
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

-- The one job that a delivery is about; where two fit, none is guessed. A source of Standard Webhooks may speak of any
-- provider's job.
CREATE OR REPLACE FUNCTION job_match(a_provider text, a_match jsonb) RETURNS jobs
LANGUAGE plpgsql STABLE AS $$
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

-- Why job_match finds none, in the words of webhook_dlq.error.
CREATE OR REPLACE FUNCTION job_match_failure(a_provider text, a_match jsonb) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN a_match = '{}' THEN 'no_reference'
        WHEN fitting = 0 THEN 'unknown_job'
        WHEN by_task THEN 'ambiguous_task'
        ELSE 'ambiguous_account' END
      FROM (SELECT count(*) AS fitting, bool_or(task_id = a_match->>'task_id') AS by_task
              FROM jobs_fitting(a_provider, a_match)) AS found
$$;

-- {"now", "provider", "key", "headers", "query", "signature_status", "ignore", "match", "hint", "seen"?} and the raw body →
-- {"status": "accepted" | "duplicate" | "dlq" | "busy", "run_id", "kick", "seen"}. A repetition pokes its job again, and where the
-- first delivery is a dead letter and the job is known by now, it closes the letter. Anybody can send what is unsigned and
-- names no job: so much of it a minute is kept, cut short, and the rest is told to come again, so that no disk is filled.
CREATE OR REPLACE FUNCTION webhook_accept(request jsonb, body bytea) RETURNS jsonb
LANGUAGE plpgsql AS $$
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

-- {"now", "provider", "body_hash", "headers", "signature_status", "seen"?} and at most 4 KB of the body → {"stored", "seen"}. At most
-- 600 different refusals a minute are kept, so that a flood fills no disk.
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
