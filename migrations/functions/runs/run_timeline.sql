-- {"run_id", "after", "limit"} → {"events": [...], "more"} from the timeline, or null for an unknown run.
CREATE OR REPLACE FUNCTION run_timeline(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT CASE WHEN EXISTS (SELECT FROM runs WHERE run_id = request->>'run_id') THEN (
        SELECT jsonb_build_object('events', coalesce(jsonb_agg(data || jsonb_build_object('hash', encode(hash, 'hex'))
                   ORDER BY seq) FILTER (WHERE place <= (request->>'limit')::integer), '[]'),
               'more', count(*) > (request->>'limit')::integer)
          FROM (SELECT *, row_number() OVER (ORDER BY seq) AS place FROM run_events
                 WHERE run_id = request->>'run_id' AND seq > (request->>'after')::bigint
                 ORDER BY seq LIMIT (request->>'limit')::integer + 1) AS page)
        ELSE 'null' END);
END $$;
