-- {"run_ids"?, "before"?, "after"?: {"finished_at", "run_id"}, "limit", "dry_run"} → {"purged": [run_id],
-- "kept": [{"run_id", "why": "open" | "open_successor" | "missing"}], "after"}: deletes ended runs with all that belongs
-- to them, by id or a page of those that ended before a moment. One that is open, or that an open successor goes on
-- from, stays.
CREATE OR REPLACE FUNCTION runs_purge(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    wanted text[];
    going text[];
    next jsonb;
    kept jsonb;
BEGIN
    IF request ? 'run_ids' THEN
        wanted := ARRAY(SELECT DISTINCT jsonb_array_elements_text(request->'run_ids'));
    ELSE
        SELECT coalesce(array_agg(run_id), '{}'),
               (array_agg(jsonb_build_object('finished_at', finished_at, 'run_id', run_id)
                          ORDER BY finished_at DESC, run_id DESC))[1]
          INTO wanted, next
          FROM (SELECT run_id, finished_at FROM runs
                 WHERE finished_at < (request->>'before')::timestamptz
                   AND (finished_at, run_id) > (coalesce((request->'after'->>'finished_at')::timestamptz, '-infinity'),
                                                coalesce(request->'after'->>'run_id', ''))
                 ORDER BY finished_at, run_id LIMIT (request->>'limit')::integer) AS page;
    END IF;
    -- No successor opens from a run that is locked: opening one reads the parent for its key.
    PERFORM FROM runs WHERE run_id = ANY (wanted) ORDER BY run_id FOR UPDATE;
    SELECT coalesce(array_agg(id) FILTER (WHERE why IS NULL), '{}'),
           coalesce(jsonb_agg(jsonb_build_object('run_id', id, 'why', why) ORDER BY id) FILTER (WHERE why IS NOT NULL), '[]')
      INTO going, kept
      FROM (SELECT id, CASE WHEN runs.run_id IS NULL THEN 'missing'
                            WHEN runs.finished_at IS NULL THEN 'open'
                            WHEN EXISTS (SELECT FROM runs AS child WHERE child.parent_run_id = id
                                          AND child.finished_at IS NULL) THEN 'open_successor' END AS why
              FROM unnest(wanted) AS id LEFT JOIN runs ON runs.run_id = id) AS weighed;
    IF NOT (request->>'dry_run')::boolean THEN
        DELETE FROM outbox WHERE run_id = ANY (going);
        DELETE FROM jobs WHERE run_id = ANY (going);
        DELETE FROM webhook_events WHERE run_id = ANY (going);
        DELETE FROM chat_messages USING runs
         WHERE runs.run_id = ANY (going) AND chat_messages.user_id = runs.user_id AND chat_messages.run_id = runs.run_id;
        -- A key is as old as its run, and there is an index of ages only.
        DELETE FROM idempotency_keys USING runs
         WHERE runs.run_id = ANY (going) AND idempotency_keys.run_id = runs.run_id AND idempotency_keys.created_at
               BETWEEN runs.created_at - interval '1 hour' AND runs.created_at + interval '1 hour';
        DELETE FROM runs WHERE run_id = ANY (going);
    END IF;
    RETURN jsonb_build_object('purged', to_jsonb(going), 'kept', kept, 'after', next);
END $$;
