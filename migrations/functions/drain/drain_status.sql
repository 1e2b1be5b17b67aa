-- {} → the switch, and what is left: {"drain", "runs": {status: count}, "at_gates": {status: of these, those with an open gate},
-- "effects": {"due", "leased"},
-- "jobs": {state: count}, "dead_letters", "dead_letters_more"}. Counts what is open, of which history has no part,
-- nor what is only exported; and of dead letters so many at most: "dead_letters_more" where there may be more.
CREATE OR REPLACE FUNCTION drain_status(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    WITH open AS MATERIALIZED (
        SELECT status, count(*) AS many, count(awaiting_gate) AS at_gates FROM runs WHERE finished_at IS NULL GROUP BY status),
    dead_letters AS MATERIALIZED (
        SELECT count(*) AS many FROM (SELECT FROM webhook_dlq ORDER BY created_at DESC, id DESC
                                       LIMIT dead_letters_counted()) AS listed)
    SELECT jsonb_build_object(
        'drain', drain_state(request),
        'runs', (SELECT coalesce(jsonb_object_agg(status, many), '{}') FROM open),
        'at_gates', (SELECT coalesce(jsonb_object_agg(status, at_gates), '{}') FROM open),
        'effects', jsonb_build_object('due', (SELECT count(*) FROM outbox WHERE state = 'due' AND kind NOT IN ('trace', 'report')),
            'leased', (SELECT count(*) FROM outbox WHERE state = 'leased' AND kind NOT IN ('trace', 'report'))),
        'jobs', (SELECT coalesce(jsonb_object_agg(state, many), '{}')
                   FROM (SELECT provider_jobs.state, count(*) AS many FROM provider_jobs JOIN runs USING (run_id)
                          WHERE finished_at IS NULL AND provider_jobs.is_open
                          GROUP BY provider_jobs.state) AS open),
        'dead_letters', dead_letters.many, 'dead_letters_more', dead_letters.many = dead_letters_counted())
      FROM dead_letters
$$;
