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
