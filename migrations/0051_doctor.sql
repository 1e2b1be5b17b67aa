-- What `mw doctor` asks: the rows that must never be there. One function per theme takes a page of runs and names each
-- broken invariant; crates/store/src/doctor says what each means and how it is repaired. All are STABLE, so that one
-- call sees one moment, also while the product works. Whether a state is the fold of its timeline is checked in Rust.

-- Timelines: numbered from 1 without gaps up to the run's version, each event as its hash says.
CREATE OR REPLACE FUNCTION doctor_timelines(page text[]) RETURNS TABLE (invariant text, run_id text, detail text)
LANGUAGE sql STABLE AS $$
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

-- The effects that the timelines of open runs ask for, with the state of each; NULL when there is no row.
CREATE OR REPLACE FUNCTION doctor_expected(page text[])
    RETURNS TABLE (run_id text, job_id text, step text, key text, state text, last_error text)
LANGUAGE sql STABLE AS $$
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

-- Runs: every open one has a deadline that the sweep keeps, and something that will happen next.
CREATE OR REPLACE FUNCTION doctor_runs(page text[], overdue timestamptz)
    RETURNS TABLE (invariant text, run_id text, detail text)
LANGUAGE sql STABLE AS $$
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

-- Effects: none lost, none left behind, none silently given up.
CREATE OR REPLACE FUNCTION doctor_effects(page text[], overdue timestamptz)
    RETURNS TABLE (invariant text, run_id text, detail text)
LANGUAGE sql STABLE AS $$
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

-- Jobs: as the state says, each watched by an effect, none accepted twice.
CREATE OR REPLACE FUNCTION doctor_jobs(page text[]) RETURNS TABLE (invariant text, run_id text, detail text)
LANGUAGE sql STABLE AS $$
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

-- Gates: open where the run waits; decided by attributed decisions of enough different people, in time.
CREATE OR REPLACE FUNCTION doctor_gates(page text[]) RETURNS TABLE (invariant text, run_id text, detail text)
LANGUAGE sql STABLE AS $$
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

-- {"now", "slack_seconds", "limit", "after"?, "run_id"?} → {"runs": [...], "findings": [...]}: the next page of runs by
-- key, or one run, with what the fold needs.
CREATE OR REPLACE FUNCTION doctor_page(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
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

-- {"now", "slack_seconds", "limit", "after"?} → {"count", "last", "findings"}: the next page of receipts by key. What
-- was accepted found its job or is a dead letter, and dead letters are tried when they are due.
CREATE OR REPLACE FUNCTION doctor_webhooks(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
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

-- {"run_id", "run", "result"} → {"rebuilt"}: writes the fold of a run's timeline over its row, unless the timeline has
-- moved on since it was read.
CREATE OR REPLACE FUNCTION doctor_rebuild(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
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
