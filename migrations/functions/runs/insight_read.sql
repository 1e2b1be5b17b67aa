-- {"now", "days", "success": the end of a run that did its work} → {"since", "counted", "more", "projects": [{"project", "status", "runs"}], "publish_seconds": {"p50", "p95"},
-- "gates": [{"gate", "state", "openings", "p50_seconds"}], "errors": [{"type", "runs"}], "open_gates", "oldest_open_at"}. Of at most
-- the 20,000 newest runs of those days, so that a report on a busy system stays quick; "more" says that there were others.
CREATE OR REPLACE FUNCTION insight_read(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    WITH since AS MATERIALIZED (
        SELECT (request->>'now')::timestamptz - make_interval(days => (request->>'days')::integer) AS at
    ), found AS MATERIALIZED (
        SELECT run_id, project, status, ended, created_at, finished_at, result->'error'->>'error_type' AS error
          FROM runs WHERE created_at >= (SELECT at FROM since)
         ORDER BY created_at DESC, run_id DESC LIMIT 20001
    ), newest AS MATERIALIZED (
        SELECT * FROM found ORDER BY created_at DESC, run_id DESC LIMIT 20000
    ), decided AS (
        SELECT gates.gate, gates.state, extract(epoch FROM decided_at - opened_at) AS seconds
          FROM newest JOIN gates USING (run_id)
    ), waiting AS (
        SELECT count(*) AS gates, min(opened_at) AS oldest
          FROM (SELECT opened_at FROM gates WHERE decided_at IS NULL ORDER BY deadline, run_id LIMIT 1000) AS open
    )
    SELECT jsonb_build_object(
        'since', (SELECT at FROM since),
        'counted', (SELECT count(*) FROM newest),
        'more', (SELECT count(*) FROM found) > 20000,
        'projects', (SELECT coalesce(jsonb_agg(jsonb_build_object('project', project, 'status', status, 'runs', runs)
                         ORDER BY project, status), '[]')
                       FROM (SELECT project, status, count(*) AS runs FROM newest GROUP BY project, status) AS each),
        'publish_seconds', (SELECT jsonb_build_object('p50', percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds),
                                                      'p95', percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds))
                              FROM (SELECT extract(epoch FROM finished_at - created_at) AS seconds FROM newest
                                     WHERE ended = request->>'success') AS published),
        'gates', (SELECT coalesce(jsonb_agg(jsonb_build_object('gate', gate, 'state', state, 'openings', openings,
                             'p50_seconds', p50) ORDER BY gate, state), '[]')
                    FROM (SELECT gate, state, count(*) AS openings,
                                 percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50
                            FROM decided GROUP BY gate, state) AS each),
        'errors', (SELECT coalesce(jsonb_agg(jsonb_build_object('type', error, 'runs', runs) ORDER BY runs DESC, error), '[]')
                     FROM (SELECT error, count(*) AS runs FROM newest WHERE error IS NOT NULL
                            GROUP BY error ORDER BY count(*) DESC, error LIMIT 10) AS each),
        'open_gates', (SELECT gates FROM waiting),
        'oldest_open_at', (SELECT oldest FROM waiting))
$$;
