-- A year of a busy installation: finished runs with what belongs to them, ten thousand open ones, their
-- effects, and what webhooks, chats and clients left. Rows are thin: plans depend on counts and on how values spread.
-- $template is a real run at its first gate, committed as the product does.

-- Finished runs, half a minute apart. No aismr run ever expired: the pair of filters that finds nothing.
INSERT INTO runs (run_id, kind, project, status, ended, payload, result, created_at, updated_at, user_id, version, state, finished_at)
SELECT 'old-' || n, 'media', CASE WHEN n % 3 = 0 THEN 'aismr' ELSE 'test_video_gen' END,
       CASE outcome WHEN 'done' THEN 'published' ELSE outcome END, outcome,
       '{}', '{}', at, at, 'user-' || n % 5000, 12, '{}', at
  FROM generate_series(1, $runs) AS n, LATERAL (SELECT now() - n * interval '30 seconds' AS at) AS time, LATERAL (
       SELECT CASE WHEN n % 20 = 0 AND n % 3 > 0 THEN 'expired' WHEN n % 20 = 1 THEN 'cancelled' WHEN n % 20 = 2 THEN 'rejected'
                   WHEN n % 20 < 6 THEN 'failed' ELSE 'done' END AS outcome) AS outcomes;
INSERT INTO run_events (run_id, seq, type, at, actor, body, hash)
SELECT 'old-' || n, 1, 'run.started', now(), 'ann', '{"seq":1}', '\x00' FROM generate_series(1, $runs) AS n;
INSERT INTO provider_jobs (job_id, run_id, kind, provider, state, task_id, account, created_at, updated_at)
SELECT 'old-' || n, 'old-' || n, 'publish', '$publisher', 'succeeded', 'old-' || n, 'account-' || n % 10, now(), now()
  FROM generate_series(1, $runs) AS n;
INSERT INTO outbox (key, run_id, kind, provider, job_id, payload, state, due_at, created_at, updated_at)
SELECT 'old-' || n, 'old-' || n, 'poll', '$publisher', 'old-' || n, '{}', 'done', at, at, at
  FROM generate_series(1, $runs) AS n, LATERAL (SELECT now() - n * interval '30 seconds' AS at) AS time;
INSERT INTO gates (run_id, gate_id, gate, opening, subject_sha256, state, opened_at, deadline, decided_at, decision)
SELECT 'old-' || n, 'g', 'workflow', 1, repeat('0', 64), 'approved', now(), now(), now(), '{}' FROM generate_series(1, $runs) AS n;
INSERT INTO hitl_approvals (run_id, gate, opening, decision, approver, channel, created_at)
SELECT 'old-' || n, 'workflow', 1, 'approved', 'ann', 'api', now() - n * interval '30 seconds'
  FROM generate_series(1, $runs) AS n;
INSERT INTO artifacts (run_id, type, provider, created_at)
SELECT 'old-' || n, 'clip', '$clips', now() FROM generate_series(1, $runs) AS n;

-- Open runs, fifty of them overdue, each with an open gate, a job and an effect: most due later, some now, some leased.
INSERT INTO runs (run_id, kind, project, status, payload, created_at, updated_at, user_id, version, state, awaiting_gate, deadline)
SELECT 'open-' || n, kind, project, status, payload, created_at - n * interval '1 minute', updated_at, 'user-' || n % 5000, version,
       state || jsonb_build_object('run_id', 'open-' || n), awaiting_gate,
       CASE WHEN n <= 50 THEN now() - n * interval '1 second' ELSE now() + n * interval '1 minute' END
  FROM runs, generate_series(1, 10000) AS n WHERE run_id = '$template';
INSERT INTO run_events (run_id, seq, type, at, actor, body, hash)
SELECT 'open-' || n, seq, type, at, actor, body, hash
  FROM run_events, generate_series(1, 10000) AS n WHERE run_id = '$template';
INSERT INTO gates (run_id, gate_id, gate, opening, subject_sha256, state, opened_at, deadline)
SELECT 'open-' || n, gate_id, gate, opening, subject_sha256, 'open', now(), now() + interval '1 day'
  FROM gates, generate_series(1, 10000) AS n WHERE run_id = '$template';
INSERT INTO provider_jobs (job_id, run_id, kind, provider, state, task_id, account, created_at, updated_at)
SELECT 'open-' || n, 'open-' || n, 'publish', '$publisher', 'submitted', 'open-' || n, 'account-' || n, now(), now()
  FROM generate_series(1, 10000) AS n;
INSERT INTO outbox (key, run_id, kind, provider, job_id, payload, state, due_at, lease_until, created_at, updated_at)
SELECT 'open-' || n, 'open-' || n, 'poll', '$publisher', 'open-' || n, '{}', CASE WHEN leased THEN 'leased' ELSE 'due' END,
       CASE WHEN n <= 1000 THEN now() - n * interval '1 second' ELSE now() + n * interval '1 minute' END,
       CASE WHEN leased THEN now() + (n - 500) * interval '1 second' END, now(), now()
  FROM generate_series(1, 10000) AS n, LATERAL (SELECT n BETWEEN 400 AND 600 AS leased) AS lease;

-- Two weeks of webhooks; nothing is old enough to go, so that looking for what is must not read everything.
INSERT INTO webhook_events (idempotency_key, provider, headers, payload, signature_status, outcome, received_at, run_id, job_id)
SELECT 'event-' || n, '$publisher', '{}', '{}', 'valid', 'accepted', now() - n * interval '11 seconds', 'old-' || n, 'old-' || n
  FROM generate_series(1, 100000) AS n;
INSERT INTO webhook_events (idempotency_key, provider, headers, payload, signature_status, outcome, received_at)
SELECT 'refused-' || n, '$clips', '{}', '{}', 'invalid', 'refused', now() - n * interval '4 seconds'
  FROM generate_series(1, 20000) AS n;
-- Dead letters: five thousand of one provider's, a hundred of them due, and behind them a hundred thousand of strangers, given up.
WITH lost AS (
    INSERT INTO webhook_events (idempotency_key, provider, headers, payload, signature_status, outcome, received_at)
    SELECT 'lost-' || n, '$clips', '{}', '{}', 'valid', 'dlq', now() - n * interval '1 minute' FROM generate_series(1, 5000) AS n
    RETURNING *)
INSERT INTO webhook_dlq (id, idempotency_key, provider, headers, payload, match, error, next_retry_at, last_error_at,
                         created_at, updated_at)
SELECT id, idempotency_key, provider, headers, payload, '{"match": {"job_id": "nobody"}, "hint": {}}', 'unknown_job',
       CASE WHEN row_number() OVER () <= 100 THEN now() ELSE now() + interval '1 hour' END, now(), now(), now()
  FROM lost;
WITH lost AS (
    INSERT INTO webhook_events (idempotency_key, provider, headers, payload, signature_status, outcome, received_at)
    SELECT 'stray-' || n, '$stranger', '{}', '{}', 'unsigned', 'dlq', now() - n * interval '2 seconds'
      FROM generate_series(1, 100000) AS n
    RETURNING *)
INSERT INTO webhook_dlq (id, idempotency_key, provider, headers, payload, match, error, retry_count, expires_at, last_error_at,
                         created_at, updated_at)
SELECT id, idempotency_key, provider, '{}', '', '{"match": {}, "hint": {}}', 'no_reference', 13,
       received_at + interval '3 days', now(), received_at, now()
  FROM lost;

INSERT INTO chat_messages (user_id, role, content, told_at, created_at)
SELECT 'user-' || n % 5000, (ARRAY['user', 'brendan', 'notice'])[1 + n % 3], 'hello',
       CASE WHEN n > 10000 THEN now() END, now() FROM generate_series(1, 300000) AS n;
INSERT INTO chat_usage (user_id, day, turns, input_tokens, output_tokens, cost)
SELECT 'user-' || n % 5000 || '/' || n, chat_day(now()), 1, 100, 10, 0 FROM generate_series(1, 50000) AS n;
INSERT INTO idempotency_keys (caller, key, fingerprint, run_id, created_at)
SELECT 'ann', 'key-' || n, 'f', 'old-' || n, now() - n * interval '3 seconds' FROM generate_series(1, 100000) AS n;
INSERT INTO rate_limits (name, caller, window_start, count)
SELECT 'runs_start', 'ip:' || n, now(), 1 FROM generate_series(1, 20000) AS n;
INSERT INTO metric_observations (name, labels, value)
SELECT 'webhook_verify_total', 'provider="$clips"', 1 FROM generate_series(1, 20000);

-- More people than anybody employs, each with one key and one id: looked up, never scanned.
INSERT INTO principals (name, role, groups, created_at)
SELECT 'person-' || n, 'approver', '{editors}', now() FROM generate_series(1, 20000) AS n;
INSERT INTO principal_keys (key_hash, name, created_at)
SELECT sha256(convert_to(n::text, 'UTF8')), 'person-' || n, now() FROM generate_series(1, 20000) AS n;
INSERT INTO principal_identities (channel, identity, name)
SELECT 'telegram', n::text, 'person-' || n FROM generate_series(1, 20000) AS n;

-- Two days of a busy bot's messages, and the groups that ever moved.
INSERT INTO channel_updates (kind, update_id, state, received_at, message, said_at, text_sha256)
SELECT 'telegram', 'of-history-' || n, 'handled', now(), 'history:' || n, n, repeat('0', 64) FROM generate_series(1, 20000) AS n;
INSERT INTO channel_moves (kind, from_address, to_address, first_address, moved_at)
SELECT 'telegram', '-' || n, '-100' || n, '-' || n, now() FROM generate_series(1, 20000) AS n;

-- A large handbook: words as rare as in texts, one passage for each document.
-- Instead of what a stack ships with.
TRUNCATE kb_documents, kb_chunks, kb_lexemes;
INSERT INTO kb_documents (id, project, path, content, hash, created_at, updated_at)
SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, CASE WHEN n % 3 = 0 THEN 'aismr' END, 'page-' || n || '.md',
       'x', 'h', now(), now() FROM generate_series(1, 15000) AS n;
INSERT INTO kb_chunks (doc_id, position, title, content)
SELECT id, 1, path, text
  FROM kb_documents, LATERAL (SELECT string_agg('word' || floor(20000 ^ random() + 0 * (n + length(path))), ' ') AS text
                                FROM generate_series(1, 30) AS n) AS words;
INSERT INTO kb_lexemes (lexeme, chunks) SELECT word, ndoc FROM ts_stat('SELECT tsv FROM kb_chunks');
UPDATE kb_corpus SET chunks = 15000;

-- So much at work at once is allowed here.
UPDATE provider_states SET in_flight_max = 250;
