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
