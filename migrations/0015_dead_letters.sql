-- Dead letters: deliveries that match no job. Each is tried again by the sweep, later and later, and stays until it is
-- processed or somebody discards it; its receipt in webhook_events keeps how it ended.

-- Takes a letter out of the queue and writes its end on its receipt. False when somebody else was faster.
CREATE OR REPLACE FUNCTION dead_letter_close(a_id uuid, an_outcome text, job jobs, who text, why text, a_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql AS $$
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

-- {"now", "limit"} → {"acted", "kick"}: letters that are due are matched again. One that finds its job is processed;
-- another waits min(60·2^n, 3600) seconds, 12 times at most, and then stays for an operator. "acted" counts both, so
-- that a page of letters without a job does not hide the next page. The runs are locked in their order, since
-- transitions lock them first too; letters without a job come last, when no more runs are locked.
CREATE OR REPLACE FUNCTION dead_letters_retry(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
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

-- One letter as the API shows it.
CREATE OR REPLACE FUNCTION dead_letter_row(letter webhook_dlq) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', letter.id, 'provider', letter.provider, 'reason', letter.error,
        'match', letter.match->'match', 'attempts', letter.retry_count, 'exhausted', letter.next_retry_at IS NULL,
        'nextRetryAt', letter.next_retry_at, 'lastErrorAt', letter.last_error_at, 'createdAt', letter.created_at)
$$;

-- {"provider"?, "reason"?, "exhausted"?, "before"?: {"created_at", "id"}, "limit"} → {"letters": [...], "more"}, newest
-- first, by key.
CREATE OR REPLACE FUNCTION dead_letters_list(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
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

-- {"id", "payload_bytes"} → one letter with what was received, or how it ended; null when there never was one.
CREATE OR REPLACE FUNCTION dead_letter_view(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
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

-- What is said of a letter that is not in the queue (any more).
CREATE OR REPLACE FUNCTION dead_letter_ended(a_id uuid) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT jsonb_build_object('provider', provider, 'run_id', run_id, 'result', CASE outcome
                         WHEN 'discarded' THEN 'already_discarded' ELSE 'already_processed' END)
                       FROM webhook_events WHERE id = a_id AND outcome IN ('accepted', 'discarded')),
                    '{"result": "unknown"}')
$$;

-- {"now", "id", "action": "replay" | "discard", "actor", "reason", "dry_run"} → {"result", "provider", "run_id", "kick"}
-- and, for "no_job", "reason". A replay takes the stored delivery itself past the duplicate check, under its receipt's
-- id; one that finds no job keeps the letter and its schedule. A dry run says the same and changes nothing.
CREATE OR REPLACE FUNCTION dead_letter_settle(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
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
