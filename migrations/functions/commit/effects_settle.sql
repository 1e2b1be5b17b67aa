-- Settles the effects that a commit answers: `done`, `again` (due later), `dead` or `hold` (the run is paused); all of a
-- run's or none of them. Returns those whose fencing token is an old one, [{"effect_id", "run_id"?}], or null.
CREATE OR REPLACE FUNCTION effects_settle(settles jsonb, a_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    fenced jsonb;
    dead bigint[];
BEGIN
    WITH wanted AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(settles) AS row (effect_id bigint, fence bigint, run_id text, outcome text,
            due_at timestamptz, uncounted boolean, not_sent boolean, error text)
    ), held AS MATERIALIZED (
        SELECT outbox.effect_id FROM outbox JOIN wanted USING (effect_id, fence) WHERE outbox.state = 'leased'
         ORDER BY outbox.effect_id FOR UPDATE OF outbox
    ), lost AS MATERIALIZED (
        SELECT effect_id, run_id FROM wanted WHERE effect_id NOT IN (SELECT effect_id FROM held)
    ), settled AS (
        UPDATE outbox SET
            state = CASE outcome WHEN 'done' THEN 'done' WHEN 'dead' THEN 'dead' WHEN 'hold' THEN 'held' ELSE 'due' END,
            lease_until = NULL,
            attempt = CASE WHEN uncounted OR outcome = 'hold' THEN attempt - 1 ELSE attempt END,
            due_at = CASE WHEN poked AND outcome = 'again' THEN a_now ELSE coalesce(wanted.due_at, outbox.due_at) END,
            sent_at = CASE WHEN not_sent THEN NULL ELSE sent_at END,
            poked = false,
            last_error = coalesce(error, last_error),
            updated_at = a_now
          FROM wanted WHERE outbox.effect_id = wanted.effect_id AND wanted.effect_id IN (SELECT effect_id FROM held)
           AND NOT EXISTS (SELECT FROM lost WHERE lost.run_id = wanted.run_id)
        RETURNING outbox.effect_id, outbox.state
    )
    SELECT (SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(lost))) FROM lost),
           (SELECT array_agg(effect_id ORDER BY effect_id) FROM settled WHERE state = 'dead') INTO fenced, dead;
    IF dead IS NOT NULL THEN
        PERFORM export_death(effect_id, a_now) FROM unnest(dead) AS effect_id;
    END IF;
    RETURN fenced;
END $$;
