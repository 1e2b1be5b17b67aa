-- What a decision leaves in tables beside its run: its timeline, gates, jobs, artifacts and effects. Called by run_commit. Most
-- decisions have a few of these only, and a statement that finds nothing to do costs as much as one that does: each is asked for
-- first. They are PL/pgSQL, since PostgreSQL before 18 plans what stands in an SQL function again at every call.

-- The next link of a run's hash chain.
CREATE OR REPLACE FUNCTION run_event_hash(previous bytea, body text) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$ SELECT sha256(previous || convert_to(body, 'UTF8')) $$;

-- Appends events to a run's timeline.
CREATE OR REPLACE FUNCTION run_append(a_run_id text, events jsonb) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Submissions that ended go out once more.
CREATE OR REPLACE FUNCTION run_rearm(rearmed jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox SET state = 'due', attempt = 0, due_at = a_now, fence = fence + 1, last_error = NULL,
           sent_at = CASE WHEN (row->>'unanswered')::boolean THEN sent_at END, updated_at = a_now
      FROM jsonb_array_elements(rearmed) AS row
     WHERE outbox.job_id = row->>'job_id' AND kind = 'submit' AND state IN ('dead', 'done');
END $$;

-- How long jobs took that have just ended, from the request of the run to the provider's last word.
CREATE OR REPLACE FUNCTION jobs_observe(a_run_id text, rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metric_observations (name, labels, value)
    SELECT CASE jobs.kind WHEN 'generate' THEN 'kieai_job_seconds' WHEN 'render' THEN 'shotstack_render_seconds'
                WHEN 'publish' THEN 'upload_post_seconds' END,
           format('outcome="%s"', jobs.state), greatest(0, extract(epoch FROM a_now - jobs.created_at))
      FROM jobs WHERE job_id IN (SELECT row->>'job_id' FROM jsonb_array_elements(rows) AS row
                                  WHERE row->>'state' IN ('succeeded', 'failed'))
       AND jobs.run_id = a_run_id AND jobs.state IN ('succeeded', 'failed');
END $$;

-- Jobs, new or changed; the last row of a job is how it stands now.
CREATE OR REPLACE FUNCTION run_jobs(a_run_id text, rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
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
END $$;

-- Closes gates.
CREATE OR REPLACE FUNCTION run_gates_close(a_run_id text, rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Opens gates; the last row of a gate is how it stands now.
CREATE OR REPLACE FUNCTION run_gates_open(a_run_id text, rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO gates (run_id, gate, opening, state, opened_at, deadline, warn_at, approvals)
    SELECT DISTINCT ON (row->>'gate', row->>'opening')
           a_run_id, row->>'gate', (row->>'opening')::integer, 'open', a_now, (row->>'deadline')::timestamptz,
           (row->>'warn_at')::timestamptz, coalesce((row->>'approvals')::integer, 1)
      FROM jsonb_array_elements(rows) WITH ORDINALITY AS listed (row, position) WHERE row->>'state' = 'open'
     ORDER BY row->>'gate', row->>'opening', position DESC
    ON CONFLICT (run_id, gate, opening) DO UPDATE SET deadline = excluded.deadline, warn_at = excluded.warn_at;
END $$;

-- Who decided or voted. Whoever changes an approval into a refusal changes the row.
CREATE OR REPLACE FUNCTION run_approvals(a_run_id text, rows jsonb, votes jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Artifacts; those of type `notification` are told in the conversation of their user, too.
CREATE OR REPLACE FUNCTION run_artifacts(a_run_id text, rows jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Effects, to be done by a dispatcher; true when one is due at once.
CREATE OR REPLACE FUNCTION run_effects(a_run_id text, rows jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
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

-- The rows that follow from a decision's events; true when there is work at once.
CREATE OR REPLACE FUNCTION run_write_rows(a_run_id text, rows jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
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
END $$;

-- A paused run sends nothing new: its submissions and personas are held; polls go on, since they only look. One that is
-- on its way is not called back: when it comes back for another try, the dispatcher sees the pause and holds it.
CREATE OR REPLACE FUNCTION run_hold(a_run_id text, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox SET state = 'held', updated_at = a_now
     WHERE run_id = a_run_id AND state = 'due' AND kind IN ('submit', 'persona');
END $$;

CREATE OR REPLACE FUNCTION run_release(a_run_id text, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox SET state = 'due', due_at = greatest(due_at, a_now), updated_at = a_now
     WHERE run_id = a_run_id AND state = 'held';
    RETURN FOUND;
END $$;

-- Ends whatever is open around a run that has ended: its gate, its effects, its jobs. People, the collector of traces and
-- Sentry are still told of it.
CREATE OR REPLACE FUNCTION run_fence(a_run_id text, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE outbox SET state = 'cancelled', lease_until = NULL, fence = fence + 1, updated_at = a_now
     WHERE run_id = a_run_id AND state IN ('due', 'leased', 'held') AND kind IN ('persona', 'submit', 'poll');
    UPDATE jobs SET state = 'fenced', updated_at = a_now
     WHERE run_id = a_run_id AND state IN ('requested', 'submitted');
    UPDATE gates SET state = 'closed', decided_at = a_now, warn_at = NULL WHERE run_id = a_run_id AND state = 'open';
END $$;

-- How long a run took, counted when it ends: its steps, each from its start to the next one's or to the end, and the time
-- to publication without the waits at gates.
CREATE OR REPLACE FUNCTION run_observe_end(run jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
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
