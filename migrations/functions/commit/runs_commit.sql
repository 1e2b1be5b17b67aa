-- The only statement that changes runs. It takes decisions made by the pure core, each guarded by its run's version and, where
-- effects caused it, by their fencing tokens; it commits each or says why not. What they leave in other tables comes as the rows
-- of all, {"run_id", ...} each, so that a commit of many runs is one statement a table. Lock order in here and everywhere: runs by
-- their ids, then starts, then the outbox by its ids, then jobs, then providers.
--
-- Entry point: {"now", "decisions"?: [{"run_id", "expected_version", "run", "result", "payload"?, "budget"?, "idempotency"?}], "events"?,
-- "jobs"?, "gates"?, "votes"?, "artifacts"?, "effects"?, "rearmed"?, "notices"?, "released"?, "held"?, "ended"?, "settles"?,
-- "observed"?: [{"run_id", ...}], "chat"?} → {"refused": {run_id: {"result", ...}}, "fenced": [effect_id], "kick", "breakers"}. A run has one
-- decision, and all rows that follow from it; a list that would be empty is left out. An effect that concerns no run's decision is settled by
-- itself. What is refused leaves no trace, but what was observed at a provider is true whoever holds the effect by now; after a
-- conflict it is told again. A turn of chat is recorded when everything was committed as it wished.
--
-- It knows its rows by their keys, so its plans need no statistics: made once for a connection's life, never a scan or a hash of a
-- table that happened to be small then. (Such plans look expensive enough to be compiled.)
CREATE OR REPLACE FUNCTION runs_commit(request jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    refused jsonb := '{}';
    fenced jsonb;
    run_ids text[];
    decision jsonb;
    answer jsonb;
    observed jsonb;
    breakers jsonb := '[]';
    due boolean := false;
BEGIN
    -- Tells runs_guard that this is the real thing; ends with the statement's transaction.
    PERFORM set_config('mw.commit', 'on', true);
    IF request ? 'decisions' THEN
        WITH wanted AS MATERIALIZED (
            SELECT * FROM jsonb_to_recordset(request->'decisions') AS row (run_id text, expected_version bigint)
             WHERE expected_version > 0
        ), held AS MATERIALIZED (
            SELECT run_id, version FROM runs
             WHERE run_id = ANY (ARRAY(SELECT run_id FROM wanted)) ORDER BY run_id FOR UPDATE
        )
        SELECT array_agg(run_id) FILTER (WHERE version IS DISTINCT FROM expected_version)
          INTO run_ids FROM wanted LEFT JOIN held USING (run_id);
        IF run_ids IS NOT NULL THEN
            SELECT jsonb_object_agg(run_id, jsonb_build_object('result', 'conflict', 'run', state)) INTO refused
              FROM unnest(run_ids) AS run_id LEFT JOIN runs USING (run_id);
            request := request_without(request, run_ids);
        END IF;
        IF request->'decisions' @> '[{"expected_version": 0}]' THEN
            FOR decision IN SELECT value FROM jsonb_array_elements(request->'decisions')
                             WHERE (value->>'expected_version')::bigint = 0
                             ORDER BY value->'run'->'definition'->>'key',
                                      coalesce(value->'run'->'parent'->>'run_id', value->>'run_id') LOOP
                answer := run_start(decision, a_now);
                IF answer IS NOT NULL THEN
                    refused := refused || jsonb_build_object(decision->>'run_id', answer);
                    request := request_without(request, ARRAY[decision->>'run_id']);
                END IF;
            END LOOP;
        END IF;
    END IF;
    observed := request->'observed';
    IF request ? 'settles' THEN
        fenced := effects_settle(request->'settles', a_now);
        run_ids := ARRAY(SELECT DISTINCT run_id FROM jsonb_to_recordset(fenced) AS row (run_id text) WHERE run_id IS NOT NULL);
        IF run_ids <> '{}' THEN
            refused := refused || (SELECT jsonb_object_agg(run_id, jsonb_build_object('result', 'fenced', 'run', state))
                                     FROM unnest(run_ids) AS run_id LEFT JOIN runs USING (run_id));
            request := request_without(request, run_ids);
            -- The other effects of these runs are told again, and what they met with them.
            observed := (SELECT jsonb_agg(row ORDER BY place) FROM jsonb_array_elements(observed) WITH ORDINALITY AS listed (row, place)
                          WHERE row->>'run_id' IS NULL OR row->>'run_id' <> ALL (run_ids)
                             OR fenced @> jsonb_build_array(jsonb_build_object('effect_id', row->'effect_id')));
        END IF;
    END IF;
    IF request ? 'decisions' THEN
        PERFORM runs_write(request->'decisions', a_now);
        due := runs_write_rows(request, a_now);
        IF request ? 'released' THEN
            due := runs_release(request->'released', a_now) OR due;
        END IF;
        IF request ? 'held' THEN
            PERFORM runs_hold(request->'held', a_now);
        END IF;
        IF request ? 'ended' THEN
            due := runs_end(request->'ended', a_now) OR due;
        END IF;
    END IF;
    IF refused = '{}' AND fenced IS NULL AND request ? 'chat' THEN
        PERFORM chat_append(request->'chat', a_now);
    END IF;
    -- Last, since the providers' rows come after all others in the lock order.
    IF observed IS NOT NULL THEN
        breakers := providers_observe(observed, a_now);
        PERFORM contacts_observe(observed, breakers);
        IF jsonb_path_exists(observed, '$[*].moved_to') THEN
            PERFORM channels_observe(observed, a_now);
        END IF;
    END IF;
    RETURN jsonb_build_object('refused', refused, 'fenced', coalesce(jsonb_path_query_array(fenced, '$[*].effect_id'), '[]'),
                              'kick', due AND kick_take(a_now), 'breakers', breakers);
END $$;
