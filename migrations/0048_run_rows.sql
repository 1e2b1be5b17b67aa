-- What a commit leaves in tables beside its runs: timelines, gates, jobs, artifacts, effects, notices. Each function takes the
-- rows of the whole commit, {"run_id", ...} each, of however many runs: one statement a table. Called by runs_commit for what
-- there is. They are PL/pgSQL, since PostgreSQL before 18 plans what stands in an SQL function again at every call.

-- The next link of a run's hash chain.
CREATE OR REPLACE FUNCTION run_event_hash(previous bytea, body text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN sha256(previous || convert_to(body, 'UTF8'));
END $$;

CREATE OR REPLACE FUNCTION run_chain_link(state bytea, previous bytea, body text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN run_event_hash(coalesce(state, previous), body);
END $$;

-- The links of several events, as a window: what the chain ended with before them, and their bodies in order.
CREATE OR REPLACE AGGREGATE run_chain(previous bytea, body text) (SFUNC = run_chain_link, STYPE = bytea);

-- Appends events to their runs' timelines.
CREATE OR REPLACE FUNCTION events_append(events jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO run_events (run_id, seq, type, at, actor, body, hash)
    SELECT event.run_id, seq, type, at, actor, body,
           run_chain(coalesce(newest.hash, convert_to(event.run_id, 'UTF8')), body) OVER (PARTITION BY event.run_id ORDER BY seq)
      FROM jsonb_to_recordset(events) AS event (run_id text, seq bigint, type text, at timestamptz, actor text, body text)
           LEFT JOIN LATERAL (SELECT hash FROM run_events WHERE run_events.run_id = event.run_id
                               ORDER BY run_events.seq DESC LIMIT 1) AS newest ON true;
END $$;

-- Submissions that ended go out once more.
CREATE OR REPLACE FUNCTION submissions_rearm(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox SET state = 'due', attempt = 0, due_at = a_now, fence = fence + 1, last_error = NULL,
           sent_at = CASE WHEN unanswered THEN sent_at END, updated_at = a_now
      FROM jsonb_to_recordset(rows) AS row (job_id text, unanswered boolean)
     WHERE outbox.job_id = row.job_id AND kind = 'submit' AND state IN ('dead', 'done');
END $$;

-- How long jobs took that have just ended, from the request of the run to the provider's last word.
CREATE OR REPLACE FUNCTION jobs_observe(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metric_observations (name, labels, value)
    SELECT CASE jobs.kind WHEN 'generate' THEN 'kieai_job_seconds' WHEN 'render' THEN 'shotstack_render_seconds'
                WHEN 'publish' THEN 'upload_post_seconds' END,
           format('outcome="%s"', jobs.state), greatest(0, extract(epoch FROM a_now - jobs.created_at))
      FROM jobs WHERE job_id IN (SELECT row.job_id FROM jsonb_to_recordset(rows) AS row (job_id text, state text)
                                  WHERE row.state IN ('succeeded', 'failed'))
       AND jobs.state IN ('succeeded', 'failed');
END $$;

-- Jobs, new or changed; the last row of a job is how it stands now.
CREATE OR REPLACE FUNCTION jobs_write(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO jobs (job_id, run_id, kind, provider, state, task_id, account, created_at, updated_at)
    SELECT DISTINCT ON (row.job_id) row.job_id, row.run_id, row.kind, row.provider, row.state, row.task_id, row.account, a_now, a_now
      FROM ROWS FROM (jsonb_to_recordset(rows) AS (job_id text, run_id text, kind text, provider text, state text, task_id text,
                                                   account text)) WITH ORDINALITY
           AS row (job_id, run_id, kind, provider, state, task_id, account, place)
     ORDER BY row.job_id, place DESC
    ON CONFLICT (job_id) DO UPDATE
       SET state = excluded.state, task_id = coalesce(excluded.task_id, jobs.task_id), updated_at = a_now;
    IF rows @? '$[*].state ? (@ == "succeeded" || @ == "failed")' THEN
        PERFORM jobs_observe(rows, a_now);
    END IF;
END $$;

-- Closes gates.
CREATE OR REPLACE FUNCTION gates_write_closed(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH closed AS (
        UPDATE gates SET state = row.state, decided_at = a_now, decision = row.decision, warn_at = NULL
          FROM jsonb_to_recordset(rows) AS row (run_id text, gate text, opening integer, state text, decision jsonb)
         WHERE gates.run_id = row.run_id AND gates.gate = row.gate AND gates.opening = row.opening
           AND gates.state = 'open' AND row.state <> 'open'
        RETURNING gates.gate, gates.state, opened_at
    )
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'gate_wait_seconds', format('gate="%s",outcome="%s"', gate, state),
           greatest(0, extract(epoch FROM a_now - opened_at)) FROM closed;
END $$;

-- Opens gates; the last row of a gate is how it stands now.
CREATE OR REPLACE FUNCTION gates_write_opened(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO gates (run_id, gate, opening, state, opened_at, deadline, warn_at, approvals)
    SELECT DISTINCT ON (row.run_id, row.gate, row.opening)
           row.run_id, row.gate, row.opening, 'open', a_now, row.deadline, row.warn_at, coalesce(row.approvals, 1)
      FROM ROWS FROM (jsonb_to_recordset(rows) AS (run_id text, gate text, opening integer, state text, deadline timestamptz,
                                                   warn_at timestamptz, approvals integer)) WITH ORDINALITY
           AS row (run_id, gate, opening, state, deadline, warn_at, approvals, place)
     WHERE row.state = 'open' ORDER BY row.run_id, row.gate, row.opening, place DESC
    ON CONFLICT (run_id, gate, opening) DO UPDATE SET deadline = excluded.deadline, warn_at = excluded.warn_at;
END $$;

-- Who decided or voted. Whoever changes an approval into a refusal changes the row.
CREATE OR REPLACE FUNCTION approvals_write(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH recorded AS (
        INSERT INTO hitl_approvals (run_id, gate, opening, decision, approver_ip, approver, channel, metadata, created_at)
        SELECT run_id, decision->>'gate', (decision->>'opening')::integer, CASE decision->>'verdict'
                   WHEN 'approve' THEN 'approved' WHEN 'reject' THEN 'rejected' WHEN 'request_changes' THEN 'changes_requested' END,
               decision->>'ip', decision->>'approver', decision->>'channel',
               jsonb_strip_nulls(jsonb_build_object('comment', decision->'comment', 'note', decision->'note',
                                                    'user_agent', decision->'user_agent', 'edits', decision->'edits')), a_now
          FROM jsonb_to_recordset(rows) AS row (run_id text, decision jsonb) WHERE decision IS NOT NULL
        ON CONFLICT (run_id, gate, opening, approver) DO UPDATE
           SET decision = excluded.decision, approver_ip = excluded.approver_ip, channel = excluded.channel,
               metadata = excluded.metadata, created_at = excluded.created_at
        RETURNING gate, decision, channel
    )
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'gate_decisions_total', format('gate="%s",decision="%s",channel="%s"', gate, decision, channel), 1 FROM recorded;
END $$;

-- Artifacts; those of type `notification` are told in the conversation of their user, too.
CREATE OR REPLACE FUNCTION artifacts_write(rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO artifacts (run_id, type, url, provider, checksum, metadata, persona, created_at)
    SELECT run_id, type, url, provider, checksum, coalesce(metadata, '{}'), persona, a_now
      FROM ROWS FROM (jsonb_to_recordset(rows) AS (run_id text, type text, url text, provider text, checksum text, metadata jsonb,
                                                   persona text)) WITH ORDINALITY
           AS row (run_id, type, url, provider, checksum, metadata, persona, place) ORDER BY place;
    IF rows @> '[{"type": "notification"}]' THEN
        INSERT INTO chat_messages (user_id, role, content, run_id, gate, created_at)
        SELECT metadata->>'user_id', 'notice', metadata->>'message', run_id, metadata->>'gate', a_now
          FROM jsonb_to_recordset(rows) AS row (run_id text, type text, metadata jsonb) WHERE type = 'notification';
    END IF;
END $$;

-- Effects, to be done by a dispatcher; true when one is due at once.
CREATE OR REPLACE FUNCTION effects_write(rows jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    due boolean;
BEGIN
    WITH added AS (
        INSERT INTO outbox (key, run_id, kind, provider, job_id, payload, state, due_at, created_at, updated_at)
        -- A callback that came before its job was known as submitted has already said that there is something to see.
        SELECT key, run_id, kind, provider, job_id, payload, 'due',
               CASE WHEN kind = 'poll' AND (SELECT hint IS NOT NULL FROM jobs WHERE jobs.job_id = row.job_id)
                    THEN a_now ELSE due_at END, a_now, a_now
          FROM ROWS FROM (jsonb_to_recordset(rows) AS (key text, run_id text, kind text, provider text, job_id text, payload jsonb,
                                                       due_at timestamptz)) WITH ORDINALITY
               AS row (key, run_id, kind, provider, job_id, payload, due_at, place) ORDER BY place
        ON CONFLICT (key) DO NOTHING
        RETURNING due_at
    )
    SELECT coalesce(bool_or(due_at <= a_now), false) INTO due FROM added;
    RETURN due;
END $$;

-- The effects of notices, {"run_id", "notice"}, one for each address; true when there are any. Their keys are unique for ever.
CREATE OR REPLACE FUNCTION notices_write(rows jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (key, run_id, kind, provider, payload, state, due_at, created_at, updated_at)
    SELECT format('notify:%s:%s:%s:%s', runs.run_id, notice->>'seq', target.kind, target.address), runs.run_id, 'notify',
           target.kind, jsonb_build_object('address', target.address, 'approver', target.approver,
                                           'is_principal', target.is_principal, 'notice', notice), 'due', a_now, a_now, a_now
      FROM ROWS FROM (jsonb_to_recordset(rows) AS (run_id text, notice jsonb)) WITH ORDINALITY AS row (run_id, notice, place)
           JOIN runs ON runs.run_id = row.run_id CROSS JOIN LATERAL notice_targets(runs, notice) AS target
     ORDER BY place, target.kind, target.address
    ON CONFLICT (key) DO NOTHING;
    RETURN FOUND;
END $$;

-- A paused run sends nothing new: its submissions and personas are held; polls go on, since they only look. One that is
-- on its way is not called back: when it comes back for another try, the dispatcher sees the pause and holds it.
CREATE OR REPLACE FUNCTION runs_hold(run_ids text[], a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox SET state = 'held', updated_at = a_now
     WHERE effect_id IN (SELECT effect_id FROM outbox WHERE run_id = ANY (run_ids) AND state = 'due'
                            AND kind IN ('submit', 'persona') ORDER BY effect_id FOR UPDATE);
END $$;

CREATE OR REPLACE FUNCTION runs_release(run_ids text[], a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox SET state = 'due', due_at = greatest(due_at, a_now), updated_at = a_now
     WHERE effect_id IN (SELECT effect_id FROM outbox WHERE run_id = ANY (run_ids) AND state = 'held' ORDER BY effect_id FOR UPDATE);
    RETURN FOUND;
END $$;

-- Ends whatever is open around runs that have ended: their gates, their effects, their jobs. People, the collector of traces
-- and Sentry are still told of them.
CREATE OR REPLACE FUNCTION runs_fence(run_ids text[], a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox SET state = 'cancelled', lease_until = NULL, fence = fence + 1, updated_at = a_now
     WHERE effect_id IN (SELECT effect_id FROM outbox WHERE run_id = ANY (run_ids) AND state IN ('due', 'leased', 'held')
                            AND kind IN ('persona', 'submit', 'poll') ORDER BY effect_id FOR UPDATE);
    UPDATE jobs SET state = 'fenced', updated_at = a_now
     WHERE run_id = ANY (run_ids) AND state IN ('requested', 'submitted');
    UPDATE gates SET state = 'closed', decided_at = a_now, warn_at = NULL WHERE run_id = ANY (run_ids) AND state = 'open';
END $$;

-- How long runs took, counted when they end: their steps, each from its start to the next one's or to the end, and the time
-- to publication without the waits at gates.
CREATE OR REPLACE FUNCTION runs_observe_end(ended jsonb, run_ids text[], a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'runs_finished_total', format('project="%s",status="%s"', project, status), count(*)
      FROM jsonb_to_recordset(ended) AS run (project text, status text) GROUP BY project, status
    UNION ALL
    SELECT 'step_seconds', format('project="%s",step="%s"', project, step), greatest(0, extract(epoch FROM next_at - at))
      FROM (SELECT run_id, data->'data'->>'name' AS step, at, lead(at, 1, a_now) OVER (PARTITION BY run_id ORDER BY seq) AS next_at
              FROM run_events WHERE run_id = ANY (run_ids) AND type = 'step.started') AS steps JOIN runs USING (run_id)
    UNION ALL
    SELECT CASE mode WHEN 'mock' THEN 'mock_publish_seconds' ELSE 'publish_seconds' END, format('project="%s"', run.project),
           greatest(0, extract(epoch FROM a_now - created_at - (
               SELECT coalesce(sum(coalesce(decided_at, a_now) - opened_at), interval '0') FROM gates
                WHERE gates.run_id = run.run_id)))
      FROM jsonb_to_recordset(ended) AS run (run_id text, project text, status text, mode text) JOIN runs USING (run_id)
     WHERE run.status = 'published';
END $$;

-- The exports of runs that end; true when there are any. A trace goes as far as the end: what is attached later is no part of it.
CREATE OR REPLACE FUNCTION runs_export(ended jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    wanted text[] := ARRAY(SELECT kind FROM exports WHERE wanted_until > a_now);
BEGIN
    RETURN wanted <> '{}' AND coalesce((
        SELECT bool_or(export_add(kind, CASE kind WHEN 'report' THEN 'run:' ELSE '' END || run_id, run_id,
                                  CASE kind WHEN 'trace' THEN jsonb_build_object('through', version) ELSE '{}' END, a_now))
          FROM jsonb_to_recordset(ended) AS run (run_id text, status text, version bigint), unnest(wanted) AS kind
         WHERE kind = 'trace' OR status = 'failed'), false);
END $$;

-- All that follows when runs end: [{"run_id", "project", "status", "mode", "version"}]; true when there is something to tell.
CREATE OR REPLACE FUNCTION runs_end(ended jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    run_ids text[] := ARRAY(SELECT run_id FROM jsonb_to_recordset(ended) AS run (run_id text));
BEGIN
    PERFORM runs_fence(run_ids, a_now);
    PERFORM runs_observe_end(ended, run_ids, a_now);
    RETURN runs_export(ended, a_now);
END $$;
