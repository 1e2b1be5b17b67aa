-- What the sweep's reconcilers do, one bounded statement each. Metrics are folded in 0043_metrics.sql.

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
END $$;

-- {"now", "fence", "report", "seconds"?, "le"?} → {"recorded"}: gives the lease back, and counts what was done and how long
-- it took, in the totals at once: an observation would be work for the next sweep, for ever. An older holder records nothing.
CREATE OR REPLACE FUNCTION sweep_finish(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
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

-- {"now", "limit"} → {"acted"}: effects whose holder went silent are due again. What may have been sent stays marked.
CREATE OR REPLACE FUNCTION leases_expire(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
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

-- {"now", "after": {"at", "run_id"}?, "limit"} → {"runs": [{"run_id", "at", "run"}]}: overdue runs by key.
CREATE OR REPLACE FUNCTION runs_overdue(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('runs', coalesce(jsonb_agg(jsonb_build_object('run_id', run_id, 'at', deadline, 'run', state)
                                                         ORDER BY deadline, run_id), '[]'))
      FROM (SELECT state, deadline, run_id FROM runs
             WHERE finished_at IS NULL AND deadline <= (request->>'now')::timestamptz
               AND (deadline, run_id) > (coalesce((request->'after'->>'at')::timestamptz, '-infinity'),
                                         coalesce(request->'after'->>'run_id', ''))
             ORDER BY deadline, run_id LIMIT (request->>'limit')::integer) AS page
$$;

-- {"now", "after": {"at", "run_id"}?, "limit"} → {"runs": [{"run_id", "at", "run"}]}: runs whose gate must be warned about.
CREATE OR REPLACE FUNCTION runs_to_warn(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('runs', coalesce(jsonb_agg(jsonb_build_object('run_id', run_id, 'at', warn_at,
               'run', (SELECT runs.state FROM runs WHERE runs.run_id = page.run_id)) ORDER BY warn_at, run_id), '[]'))
      FROM (SELECT run_id, warn_at FROM gates
             WHERE state = 'open' AND warn_at IS NOT NULL AND warn_at <= (request->>'now')::timestamptz
               AND (warn_at, run_id) > (coalesce((request->'after'->>'at')::timestamptz, '-infinity'),
                                        coalesce(request->'after'->>'run_id', ''))
             ORDER BY warn_at, run_id LIMIT (request->>'limit')::integer) AS page
$$;

-- Gives a job its effect back, unless somebody moves the run just now: 1 or 0.
CREATE OR REPLACE FUNCTION effect_restore(job jobs, a_now timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
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

-- {"now", "limit"} → {"acted", "more"}: the next page of open jobs; one that nobody works on, which only a fault or a hand
-- in the tables can cause, gets its effect back. A submission counts as sent, so that it is looked for before anything
-- goes out. An effect that is held although its run goes on (it came back while the run was resumed) is released. The
-- lease keeps the place between sweeps, and a minute between two rounds.
CREATE OR REPLACE FUNCTION effects_restore(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
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

-- {"now", "limit", "webhooks_days"?} → {"acted"}: what is old goes. Webhook events after 14 days (a dead letter's
-- receipt 14 days after its end), refusals after one; never an open dead letter.
CREATE OR REPLACE FUNCTION retention_prune(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
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

-- {"now", "limit", "artifacts_days", "after"?: {"finished_at", "run_id"}} → {"acted", "after"}: artifacts of runs that
-- ended long ago go, a page of runs at a time, by key; the timeline stays. "after" is null behind the last page.
CREATE OR REPLACE FUNCTION artifacts_prune(request jsonb) RETURNS jsonb
LANGUAGE sql AS $$
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

-- {"now", "webhooks_days", "artifacts_days"} → {"webhook_events", "refusals", "artifacts"}: what the two would take.
CREATE OR REPLACE FUNCTION retention_count(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
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
