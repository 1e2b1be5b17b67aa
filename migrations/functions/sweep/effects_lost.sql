-- {"now", "limit"} → {"runs": [{"run", "job_ids"}], "released", "more"}: of the next page of open jobs those that nobody works on,
-- which only a fault or a hand in the tables can cause, with their runs. An effect that is held although its run goes on (it
-- came back while the run was resumed) is released. The lease keeps the place between sweeps, and a minute between two rounds.
CREATE OR REPLACE FUNCTION effects_lost(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    page integer := (request->>'limit')::integer;
    first_job_id text;
    last_job_id text;
    looked integer;
    released integer;
    lost jsonb;
BEGIN
    SELECT holder INTO first_job_id FROM leases WHERE name = 'lost_effects' AND held_until <= a_now FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN '{"runs": [], "released": 0, "more": false}';
    END IF;
    UPDATE outbox SET state = 'due', due_at = a_now, updated_at = a_now WHERE effect_id IN (
        SELECT effect_id FROM outbox JOIN runs USING (run_id) WHERE outbox.state = 'held' AND runs.state->'pause' IS NULL
         LIMIT page FOR UPDATE OF outbox SKIP LOCKED);
    GET DIAGNOSTICS released = ROW_COUNT;
    SELECT max(job_id), count(*) INTO last_job_id, looked FROM (
        SELECT job_id FROM provider_jobs WHERE is_open AND job_id > first_job_id ORDER BY job_id LIMIT page) AS listed;
    SELECT jsonb_agg(jsonb_build_object('run', runs.state, 'job_ids', job_ids) ORDER BY run_id) INTO lost FROM (
        SELECT run_id, jsonb_agg(job_id ORDER BY job_id) AS job_ids FROM provider_jobs
         WHERE is_open AND job_id > first_job_id AND job_id <= last_job_id
           AND NOT EXISTS (SELECT FROM outbox WHERE outbox.job_id = provider_jobs.job_id AND outbox.is_live)
         GROUP BY run_id) AS orphaned JOIN runs USING (run_id) WHERE runs.finished_at IS NULL;
    UPDATE leases SET holder = CASE WHEN looked = page THEN last_job_id ELSE '' END,
           held_until = CASE WHEN looked = page THEN held_until ELSE a_now + interval '1 minute' END
     WHERE name = 'lost_effects';
    RETURN jsonb_build_object('runs', coalesce(lost, '[]'), 'released', released, 'more', looked = page);
END $$;
