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
